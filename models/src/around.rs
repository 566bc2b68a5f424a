//! The parts of the core that the protocol names and does not stand on: as little of each as it needs to compile.

pub mod attach {
    use std::time::Duration;

    pub(crate) const RELEASE: Duration = Duration::ZERO;

    impl crate::socket::Socket {
        pub(crate) fn watch_now(&self) -> crate::error::Result<std::sync::Arc<crate::monitor::Watch>> {
            Err(crate::error::Error::closed())
        }

        pub fn get_i32(&self, _option: i32) -> crate::error::Result<i32> {
            Ok(0)
        }
    }
}

pub mod context {
    //! A context: it makes pairs of sockets, of which one is the network's.

    use std::sync::{Arc, Mutex, Weak};

    use crate::error::{errno, Error, Result};
    use crate::ffi::RawSocket;
    use crate::libzmq::{connected, End, Looks};
    use crate::socket::{Shared, Socket};
    use crate::world;

    #[derive(Clone)]
    pub struct Context(Arc<Mutex<Option<RawSocket>>>);

    /// The other side: what libzmq's I/O threads do with the two queues.
    pub struct Network(RawSocket);

    impl Network {
        pub fn send(&self, byte: u8) {
            self.0.send_bytes(&[byte], 0).unwrap();
        }

        pub fn try_recv(&self) -> Result<u8> {
            let mut message = crate::message::Message::new();
            self.0.recv(&mut message)?;
            Ok(message.as_slice()[0])
        }
    }

    impl Network {
        /// Until there is something to take.
        pub fn wait(&self) {
            let mut sources = [crate::wait::Source::readable(self.0.fd().unwrap())];
            crate::wait::wait(&mut sources, crate::wait::Deadline::never(), &mut crate::wait::Never).unwrap();
        }
    }

    pub struct Hub;

    impl Hub {
        pub fn poke(&self) {}
    }

    /// A socket of this kind, with queues for so many messages, and its other side.
    pub fn pair(kind: u32, holds: u64, looks: Looks) -> (Socket, Network) {
        let bell = kind == crate::zmq_sys::ZMQ_CLIENT;
        let (ours, theirs) = world::with(|world| connected(world, holds, bell, looks));
        let context = Context(Arc::new(Mutex::new(Some(RawSocket::new(ours)))));
        let socket = Socket::open(&context, kind as i32).unwrap();
        // What every thread sees is there before there are threads.
        assert!(!socket.0.state.is_locked());
        let _ = socket.stats();
        (socket, Network(RawSocket::new(theirs)))
    }

    /// The context of this socket ends.
    pub fn shut_down(mailbox: usize) {
        world::with(|world| End::stop(mailbox, world));
    }

    impl Context {
        pub fn raw_socket(&self, _kind: i32) -> Result<RawSocket> {
            self.0.lock().unwrap().take().ok_or_else(|| Error::zmq(errno::EMFILE))
        }

        pub fn new_id(&self) -> u64 {
            1
        }

        pub fn register(&self, _id: u64, _socket: Weak<Shared>) {}

        pub fn forget(&self, _id: u64) {}

        pub fn get(&self, _option: i32) -> Result<i32> {
            Ok(0)
        }

        pub fn hub(&self) -> Hub {
            Hub
        }
    }
}

pub mod explain {
    use std::time::Instant;

    use crate::error::Error;
    use crate::socket::Socket;

    pub fn send(_: &Socket, error: Error, _: Option<Instant>) -> Error {
        error
    }

    pub fn recv(_: &Socket, error: Error, _: Option<Instant>) -> Error {
        error
    }
}

pub mod monitor {
    use std::sync::Arc;

    use crate::context::Context;
    use crate::error::Result;
    use crate::ffi::RawSocket;
    use crate::socket::Attached;
    use crate::wait::{Deadline, Interrupt};

    /// Nobody watches.
    pub enum Watch {}

    impl Watch {
        pub(crate) fn close(
            _: &Context,
            raw: RawSocket,
            _: Option<Arc<Watch>>,
            _: &[Attached],
            _: Deadline,
            _: &mut dyn Interrupt,
        ) -> Result<()> {
            drop(raw);
            Ok(())
        }

        pub(crate) fn end(&self, _: &RawSocket) {}

        pub(crate) fn wait_ended(&self, _: Deadline, _: &mut dyn Interrupt) -> Result<()> {
            Ok(())
        }
    }
}

pub mod subscriptions {
    use crate::error::Result;
    use crate::ffi::RawSocket;
    use crate::socket::State;

    /// Nobody publishes.
    pub(crate) enum Subscriptions {}

    impl Subscriptions {
        pub(crate) fn of(_: &RawSocket) -> Result<Self> {
            Err(crate::error::Error::closed())
        }
    }

    #[derive(Default)]
    pub(crate) struct Subscribed;

    impl State {
        pub(crate) fn note_beginning(&mut self, _: &[u8]) {}

        pub(crate) fn notice_subscriptions(&mut self) {}
    }
}

pub mod trace {
    use crate::message::{Message, Part};
    use crate::socket::State;

    /// Nobody records.
    pub(crate) enum Taps {}

    pub(crate) enum Seen {}

    impl Taps {
        pub(crate) fn look_at(&self, _: &[Part<'_>]) -> Seen {
            match *self {}
        }

        pub(crate) fn lose_outgoing(&mut self, _: bool) {}

        pub(crate) fn take_back<'a>(&mut self, _: impl Iterator<Item = &'a Message>) {}
    }

    impl State {
        pub(crate) fn note_sent(&mut self, _: Seen, _: bool) {}

        pub(crate) fn note_received(&mut self, _: &Message) {}
    }
}
