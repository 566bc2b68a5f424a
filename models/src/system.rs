//! What the core asks the system for: descriptors, poll(2), epoll(7) and a barrier for every processor.

use crate::world::{self, Descriptor};

pub mod fd {
    //! Descriptors: numbers into the table of the world.

    use std::marker::PhantomData;

    pub use std::os::fd::RawFd;

    /// Closed when dropped. Its number is the next one's.
    #[derive(Debug)]
    pub struct OwnedFd(pub(super) RawFd);

    #[derive(Clone, Copy, Debug)]
    pub struct BorrowedFd<'a>(RawFd, PhantomData<&'a ()>);

    pub trait AsFd {
        fn as_fd(&self) -> BorrowedFd<'_>;
    }

    pub trait AsRawFd {
        fn as_raw_fd(&self) -> RawFd;
    }

    impl BorrowedFd<'static> {
        pub fn of(fd: RawFd) -> Self {
            BorrowedFd(fd, PhantomData)
        }
    }

    impl AsFd for OwnedFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            BorrowedFd(self.0, PhantomData)
        }
    }

    impl<T: AsFd> AsFd for &T {
        fn as_fd(&self) -> BorrowedFd<'_> {
            (**self).as_fd()
        }
    }

    impl AsFd for BorrowedFd<'_> {
        fn as_fd(&self) -> BorrowedFd<'_> {
            *self
        }
    }

    impl AsRawFd for BorrowedFd<'_> {
        fn as_raw_fd(&self) -> RawFd {
            self.0
        }
    }

    impl Drop for OwnedFd {
        fn drop(&mut self) {
            crate::world::with(|world| world.close(self.0));
        }
    }
}

pub mod event {
    //! poll(2), eventfd(2), epoll(7).

    use std::marker::PhantomData;

    pub use rustix::event::{EventfdFlags, PollFlags, Timespec};

    use super::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
    use super::{io, world, Descriptor};

    pub fn eventfd(count: u32, _flags: EventfdFlags) -> io::Result<OwnedFd> {
        Ok(OwnedFd(world::with(|world| world.open(Descriptor::Counter(count.into())))))
    }

    pub struct PollFd<'a> {
        fd: RawFd,
        want: PollFlags,
        seen: PollFlags,
        borrowed: PhantomData<&'a ()>,
    }

    impl<'a> PollFd<'a> {
        pub fn from_borrowed_fd(fd: BorrowedFd<'a>, want: PollFlags) -> Self {
            PollFd { fd: fd.as_raw_fd(), want, seen: PollFlags::empty(), borrowed: PhantomData }
        }

        pub fn revents(&self) -> PollFlags {
            self.seen
        }
    }

    /// Looks, or waits until there is something to see. Only these two: time does not pass in a model.
    pub fn poll(items: &mut [PollFd<'_>], timeout: Option<&Timespec>) -> io::Result<usize> {
        let looks = timeout.is_some_and(|time| time.tv_sec == 0 && time.tv_nsec == 0);
        assert!(looks || timeout.is_none(), "a model waits for ever, or not at all");
        world::wait(looks, |world| {
            for item in items.iter_mut() {
                item.seen = match world.readable(item.fd) {
                    None => PollFlags::NVAL,
                    Some(true) => PollFlags::IN & item.want,
                    Some(false) => PollFlags::empty(),
                };
            }
            items.iter().filter(|item| !item.seen.is_empty()).count()
        })
    }

    pub mod epoll {
        use super::{io, world, AsFd, AsRawFd, Descriptor, OwnedFd};

        pub use rustix::event::epoll::{CreateFlags, EventData, EventFlags};

        pub fn create(_flags: CreateFlags) -> io::Result<OwnedFd> {
            Ok(OwnedFd(world::with(|world| world.open(Descriptor::Group(Vec::new())))))
        }

        /// For input, and not edge-triggered: as the core does.
        pub fn add(epoll: &OwnedFd, fd: impl AsFd, _data: EventData, flags: EventFlags) -> io::Result<()> {
            assert_eq!(flags, EventFlags::IN);
            let member = fd.as_fd().as_raw_fd();
            world::with(|world| world.join(epoll.as_fd().as_raw_fd(), member));
            Ok(())
        }
    }
}

pub mod io {
    //! read(2) and write(2) of eventfds.

    pub use rustix::io::{Errno, Result};

    use super::fd::{AsFd, AsRawFd};
    use super::world;

    pub fn read(fd: impl AsFd, count: &mut [u8]) -> Result<usize> {
        match world::with(|world| world.take(fd.as_fd().as_raw_fd())) {
            Some(0) => Err(Errno::AGAIN),
            Some(taken) => {
                count.copy_from_slice(&taken.to_ne_bytes());
                Ok(count.len())
            }
            None => Err(Errno::BADF),
        }
    }

    pub fn write(fd: impl AsFd, bytes: &[u8]) -> Result<usize> {
        world::with(|world| world.add(fd.as_fd().as_raw_fd(), 1));
        Ok(bytes.len())
    }
}

pub mod thread {
    //! membarrier(2).

    use super::io;
    use crate::atomics::Ordering;

    #[derive(Clone, Copy, PartialEq)]
    pub enum MembarrierCommand {
        PrivateExpedited,
        RegisterPrivateExpedited,
    }

    pub struct Commands;

    impl Commands {
        pub fn contains_command(&self, _command: MembarrierCommand) -> bool {
            true
        }
    }

    pub fn membarrier_query() -> Commands {
        Commands
    }

    /// See `compiler_fence` in `atomics.rs` for its other side.
    pub fn membarrier(command: MembarrierCommand) -> io::Result<()> {
        if command == MembarrierCommand::PrivateExpedited && !crate::mutated("no barrier for all others") {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
        Ok(())
    }
}
