//! The message that says that a plain stream is over: for those who do not watch connections.
//!
//! It is JSON, as jobs are, so that a peer that knows only PUSH and PULL can read it and stop: a program that does not
//! know it takes it for a job. So it is only sent by a producer that was told to, to each of its workers once, and by a
//! worker that has got it to its collector. The connections tell the end all the same, to those who did not get it.

use crate::error::Result;
use crate::message::{Frames, Part};
use crate::socket::Socket;
use crate::wait::{Deadline, Interrupt};

use std::time::Duration;

/// What goes over the wire.
pub const END: &[u8] = br#"{"brokerless":"end"}"#;

/// How soon it is noticed that there is nobody left to be told.
const GLANCE: Duration = Duration::from_millis(50);

/// Whether it is this message: spaces do not matter.
pub fn is_end(frames: &Frames) -> bool {
    let [frame] = frames.as_slice() else {
        return false;
    };
    let said = frame.as_slice();
    // Nearly all messages are no more than this one look.
    said.len() >= END.len()
        && said.first() == END.first()
        && said.len() <= 2 * END.len()
        && said.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(END)
}

/// Says it to each peer that is connected, as PUSH hands messages out: in turn, to whoever has room. Waits for room until the
/// deadline, as long as anybody is there. How often it was said: who had no room has the end of the connection.
///
/// # Errors
/// The socket or its context is gone; [`crate::error::Error::Interrupted`].
pub fn say_end(socket: &Socket, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<usize> {
    let count = socket.peers_known().unwrap_or_default();
    let mut said = 0;
    while said < count {
        let glance = deadline.earlier(Deadline::after(GLANCE));
        match socket.send(&mut [Part::Bytes(END)], 0, glance, interrupt) {
            Ok(()) => said += 1,
            // Who has heard it leaves, and so may who has not.
            Err(error) if error.is_again() => {
                if deadline.is_over() || socket.peers_known() == Some(0) {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::message::Message;
    use crate::wait::Never;

    fn frames(parts: &[&[u8]]) -> Frames {
        parts.iter().map(|part| Message::from_slice(part).unwrap()).collect()
    }

    #[test]
    fn it_is_known_however_it_is_spaced() {
        for said in [END, br#"{"brokerless": "end"}"#, b" { \"brokerless\" :\n\"end\" }\r\n"] {
            assert!(is_end(&frames(&[said])));
        }
        let others: [&[u8]; 6] =
            [b"", b"{}", br#"{"brokerless":"END"}"#, br#"{"brokerless":"end","n":1}"#, b"end", &[b' '; 2000]];
        for other in others {
            assert!(!is_end(&frames(&[other])));
        }
        assert!(!is_end(&frames(&[])));
        assert!(!is_end(&frames(&[END, END])));
    }

    #[test]
    fn each_peer_is_told_once_and_nobody_is_waited_for_in_vain() {
        let context = Context::new(1).unwrap();
        let soon = || Deadline::after(Duration::from_secs(20));
        let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        push.bind("tcp://127.0.0.1:*").unwrap();
        assert_eq!(say_end(&push, soon(), &mut Never).unwrap(), 0);
        let endpoint = push.endpoints()[0].endpoint.clone();
        let pulls: Vec<_> = (0..3).map(|_| context.socket(zmq_sys::ZMQ_PULL as i32).unwrap()).collect();
        pulls.iter().for_each(|pull| pull.connect(&endpoint).unwrap());
        push.wait_for_peers(3, soon(), &mut Never).unwrap();
        assert_eq!(say_end(&push, soon(), &mut Never).unwrap(), 3);
        for pull in &pulls {
            assert!(is_end(&pull.recv_multipart(soon(), &mut Never).unwrap()));
            assert!(pull.try_recv_multipart().unwrap_err().is_again());
        }
    }
}
