//! The message that says that a plain stream is over: for those who do not watch connections.
//!
//! It is JSON, as jobs are, so that a peer that knows only PUSH and PULL can read it and stop: a program that does not
//! know it takes it for a job. So it is only sent by a producer that was told to, to each of its workers once, and by a
//! worker that has got it to its collector. The connections tell the end all the same, to those who did not get it.

use crate::error::Result;
use crate::message::Frames;
use crate::socket::Socket;

/// What goes over the wire.
pub const END: &[u8] = br#"{"brokerless":"end"}"#;

/// Whether it is this message: spaces do not matter.
pub fn is_end(frames: &Frames) -> bool {
    let [frame] = frames.as_slice() else {
        return false;
    };
    let said = frame.as_slice();
    // Nearly all messages have another length, or differ within the first bytes.
    (END.len()..=2 * END.len()).contains(&said.len()) && said.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(END)
}

/// Says it to each peer that is connected, once, also to those who have no room for another job. Waits for nothing. How many
/// peers there were.
///
/// # Errors
/// A message is half sent; the socket or its context is gone.
pub fn say_end(socket: &Socket) -> Result<usize> {
    let count = socket.peers_known().unwrap_or_default();
    if count > 0 {
        socket.send_to_each(END)?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::error::errno;
    use crate::message::{Message, Part};
    use crate::wait::{Deadline, Never};
    use std::time::Duration;

    /// Until when a send that finds no room would have found some.
    const SOON: Duration = Duration::from_millis(50);

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
    fn each_peer_is_told_once_however_full_its_queue_is() {
        for at in ["tcp://127.0.0.1:*", "inproc://ending"] {
            let context = Context::new(1).unwrap();
            let soon = || Deadline::after(Duration::from_secs(20));
            let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
            push.set_i32(zmq_sys::ZMQ_SNDHWM as i32, 2).unwrap();
            push.bind(at).unwrap();
            assert_eq!(say_end(&push).unwrap(), 0);
            let endpoint = push.endpoints()[0].endpoint.clone();
            let pulls: Vec<_> = (0..3).map(|_| context.socket(zmq_sys::ZMQ_PULL as i32).unwrap()).collect();
            for pull in &pulls {
                pull.set_i32(zmq_sys::ZMQ_RCVHWM as i32, 1).unwrap();
                pull.connect(&endpoint).unwrap();
            }
            push.wait_for_peers(3, soon(), &mut Never).unwrap();
            // What the system's buffers have no room for.
            let job = vec![b'x'; 1 << 20];
            let mut jobs = 0;
            let mut fill = || {
                let before = jobs;
                while push.send(&mut [Part::Bytes(&job)], 0, Deadline::after(SOON), &mut Never).is_ok() {
                    jobs += 1;
                }
                jobs - before
            };
            let mut count = |pull: &Socket| {
                let mut count = 0;
                while !is_end(&pull.recv_multipart(soon(), &mut Never).unwrap()) {
                    count += 1;
                }
                assert!(pull.try_recv_multipart().unwrap_err().is_again());
                count
            };
            // The second stream finds the queues as the first one did: nothing is miscounted by then.
            for _ in 0..2 {
                let sent = fill();
                assert!(sent >= 9, "{sent} jobs to {at}");
                assert_eq!(say_end(&push).unwrap(), 3);
                assert_eq!(pulls.iter().map(&mut count).sum::<usize>(), sent);
            }
            assert_eq!(push.stats().messages_sent, jobs as u64);
        }
    }

    #[test]
    fn it_tears_no_message_and_is_for_push_only() {
        let context = Context::new(1).unwrap();
        let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        let pull = context.socket(zmq_sys::ZMQ_PULL as i32).unwrap();
        push.bind("inproc://torn").unwrap();
        pull.connect("inproc://torn").unwrap();
        push.try_send_bytes(b"half", zmq_sys::ZMQ_SNDMORE as i32).unwrap();
        assert_eq!(say_end(&push).unwrap_err().errno(), errno::EFSM);
        push.try_send_bytes(b"whole", 0).unwrap();
        say_end(&push).unwrap();
        assert_eq!(pull.try_recv_multipart().unwrap().len(), 2);
        assert!(is_end(&pull.try_recv_multipart().unwrap()));
        assert_eq!(pull.send_to_each(END).unwrap_err().errno(), errno::EINVAL);
    }
}
