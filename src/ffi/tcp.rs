//! What has gone through a TCP connection, as the kernel counts it: the one figure that there is for each peer, whatever
//! the type of the socket, and it costs a message nothing.

use std::mem::{size_of, MaybeUninit};
use std::os::fd::RawFd;

/// Where the kernel's `struct tcp_info` has them: they came with Linux 4.1, and later ones never move what was there.
const ACKED: usize = 120;
const RECEIVED: usize = 128;
const LEAST: usize = 136;

/// What went through a connection, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// This side's port and the other's: whose figures these are.
    pub ports: (u16, u16),
    /// That the other side has acknowledged.
    pub sent: u64,
    /// That has come.
    pub received: u64,
}

/// Reads it off a descriptor. None if that is no TCP connection (any more), or if the system does not tell.
///
/// The descriptor is libzmq's and may be closed and given to something else at any moment: the ports tell.
#[cfg(target_os = "linux")]
pub fn traffic(fd: RawFd) -> Option<Traffic> {
    let ports = (port(fd, libc::getsockname)?, port(fd, libc::getpeername)?);
    let mut info = [0u8; 256];
    let mut length = info.len() as libc::socklen_t;
    // SAFETY: the kernel writes `length` bytes at most into a buffer of that size, and says how many. Any number may be
    // asked about: one that is no descriptor, or no TCP socket, is an error.
    let status =
        unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &mut length) };
    if status != 0 || (length as usize) < LEAST {
        return None;
    }
    let number = |at: usize| info.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
    Some(Traffic { ports, sent: number(ACKED)?, received: number(RECEIVED)? })
}

/// Elsewhere it is not known.
#[cfg(not(target_os = "linux"))]
pub fn traffic(_fd: RawFd) -> Option<Traffic> {
    None
}

#[cfg(target_os = "linux")]
type Name = unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

/// The port of one end.
#[cfg(target_os = "linux")]
fn port(fd: RawFd, name: Name) -> Option<u16> {
    let mut address = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: both calls write `length` bytes at most, and the storage is as large; any number may be asked about.
    if unsafe { name(fd, address.as_mut_ptr().cast(), &mut length) } != 0 {
        return None;
    }
    // SAFETY: all of it was zeroed, which is a valid address of no family, and then written by the kernel.
    let address = unsafe { address.assume_init() };
    match i32::from(address.ss_family) {
        // Both families have the port right behind their own number.
        libc::AF_INET | libc::AF_INET6 => {
            // SAFETY: the storage is larger than, and aligned for, an address of either family.
            let inet = unsafe { &*std::ptr::from_ref(&address).cast::<libc::sockaddr_in>() };
            Some(u16::from_be(inet.sin_port))
        }
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn the_kernel_counts_what_goes_through_a_connection() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                // No IPv6 here.
                continue;
            };
            let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut far, _) = listener.accept().unwrap();
            let ports = (near.local_addr().unwrap().port(), listener.local_addr().unwrap().port());
            let before = traffic(near.as_raw_fd()).unwrap();
            near.write_all(&[7; 1000]).unwrap();
            far.read_exact(&mut [0; 1000]).unwrap();
            far.write_all(b"answer").unwrap();
            near.read_exact(&mut [0; 6]).unwrap();
            let here = traffic(near.as_raw_fd()).unwrap();
            assert_eq!((here.ports, here.sent - before.sent), (ports, 1000));
            assert_eq!((here.received, traffic(far.as_raw_fd()).unwrap().received), (6, 1000));
            // One who listens has no other side.
            assert_eq!(traffic(listener.as_raw_fd()), None);
        }
    }

    #[test]
    fn what_is_no_connection_has_no_traffic() {
        let (pipe, _other) = std::io::pipe().unwrap();
        for fd in [-1, i32::MAX, pipe.as_raw_fd()] {
            assert_eq!(traffic(fd), None);
        }
    }
}
