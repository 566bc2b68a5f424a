//! Options of a socket, by number: what the option table gives a type to.

use std::ffi::CStr;

use crate::error::{errno, Error, Result};
use crate::message::GROUP_MAX_LENGTH;
use crate::socket::{Socket, State, ANY};

const RCVTIMEO: i32 = zmq_sys::ZMQ_RCVTIMEO as i32;
const SNDTIMEO: i32 = zmq_sys::ZMQ_SNDTIMEO as i32;
const TYPE: i32 = zmq_sys::ZMQ_TYPE as i32;
const EVENTS: i32 = zmq_sys::ZMQ_EVENTS as i32;
const FD: i32 = zmq_sys::ZMQ_FD as i32;

impl Socket {
    /// Sets an option of type int.
    pub fn set_i32(&self, option: i32, value: i32) -> Result<()> {
        self.set_bytes(option, &value.to_ne_bytes())?;
        if option == RCVTIMEO || option == SNDTIMEO {
            self.once(ANY, |state| {
                state.remember_timeout(option, value);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Sets an option of type int64 or uint64.
    pub fn set_i64(&self, option: i32, value: i64) -> Result<()> {
        self.set_bytes(option, &value.to_ne_bytes())
    }

    /// Sets an option from bytes.
    pub fn set_bytes(&self, option: i32, value: &[u8]) -> Result<()> {
        self.once(ANY, |state| state.set_bytes(option, value))
    }

    /// An option of type int.
    pub fn get_i32(&self, option: i32) -> Result<i32> {
        self.once(ANY, |state| match option {
            // What is an XPUB underneath answers as the PUB it was opened as.
            TYPE => state.get_i32(TYPE).map(|_| state.kind),
            EVENTS => state.events(),
            FD => state.raw()?.fd(),
            _ => state.get_i32(option),
        })
    }

    /// An option of type int64 or uint64.
    pub fn get_i64(&self, option: i32) -> Result<i64> {
        let mut value = [0u8; 8];
        self.once(ANY, |state| state.raw()?.get(option, &mut value))?;
        Ok(i64::from_ne_bytes(value))
    }

    /// A CURVE key as Z85, with a NUL: libzmq writes it so only into exactly 41 bytes.
    pub fn get_key(&self, option: i32) -> Result<Vec<u8>> {
        let mut value = vec![0u8; 41];
        let len = self.once(ANY, |state| state.raw()?.get(option, &mut value))?;
        value.truncate(len);
        Ok(value)
    }

    /// An option of bytes, with the NUL at the end that libzmq gives some of them.
    pub fn get_bytes(&self, option: i32) -> Result<Vec<u8>> {
        let mut value = vec![0u8; 1024];
        let len = self.once(ANY, |state| state.raw()?.get(option, &mut value))?;
        value.truncate(len);
        Ok(value)
    }
}

/// Groups (RFC 48) and peers by number (RFC 41), which are draft in libzmq.
impl Socket {
    /// Lets a DISH receive what is sent to a group.
    pub fn join(&self, group: &CStr) -> Result<()> {
        let explained = |error: Error| match error.errno() {
            errno::EINVAL => error.or_explain(|| {
                let most = GROUP_MAX_LENGTH;
                format!("the group {group:?} is joined already, or longer than {most} bytes")
            }),
            errno::ENOTSUP => error.or_explain(|| "groups are for DISH sockets".into()),
            _ => error,
        };
        self.once(ANY, |state| {
            let raw = state.raw()?;
            if state.kind == zmq_sys::ZMQ_DISH as i32 && group.count_bytes() > GROUP_MAX_LENGTH {
                return Err(Error::zmq(errno::EINVAL));
            }
            raw.join(group)
        })
        .map_err(explained)
    }

    /// Ends that.
    pub fn leave(&self, group: &CStr) -> Result<()> {
        let explained = |error: Error| match error.errno() {
            errno::EINVAL => error.or_explain(|| format!("the group {group:?} was not joined")),
            errno::ENOTSUP => error.or_explain(|| "groups are for DISH sockets".into()),
            _ => error,
        };
        self.once(ANY, |state| state.raw()?.leave(group)).map_err(explained)
    }
}

impl State {
    /// libzmq's own timeouts never run, since it never waits: ours do.
    fn remember_timeout(&mut self, option: i32, value: i32) {
        let timeout = i64::from(value);
        if option == RCVTIMEO {
            self.receive_timeout = timeout;
        } else {
            self.send_timeout = timeout;
        }
    }
}
