use super::*;
use crate::context::Context;
use crate::wait::Never;

fn push_pull(hwm: i32) -> (Context, Socket, Socket) {
    let context = Context::new(1).unwrap();
    let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
    let pull = context.socket(zmq_sys::ZMQ_PULL as i32).unwrap();
    push.set_i32(zmq_sys::ZMQ_SNDHWM as i32, hwm).unwrap();
    pull.set_i32(zmq_sys::ZMQ_RCVHWM as i32, hwm).unwrap();
    push.bind("inproc://batches").unwrap();
    pull.connect("inproc://batches").unwrap();
    (context, push, pull)
}

fn outbox<'a>(messages: &[&[&'a [u8]]]) -> Outbox<'a> {
    let mut outbox = Outbox::with_capacity(messages.len());
    for frames in messages {
        frames.iter().for_each(|frame| outbox.push(Part::Bytes(frame)));
        outbox.end_message();
    }
    outbox
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

fn shown(haul: &Haul) -> Vec<Vec<&[u8]>> {
    haul.messages().map(|frames| frames.iter().map(Message::as_slice).collect()).collect()
}

#[test]
fn a_batch_that_waits_often_never_misses_its_turn() {
    let (_context, push, pull) = push_pull(2);
    let (rounds, count) = (2_000, 50);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                let mut batch = outbox(&vec![&[b"x".as_slice()][..]; count]);
                push.send_many(&mut batch, soon(), &mut Never).unwrap();
                assert_eq!(batch.sent(), count);
            }
        });
        let mut taken = 0;
        while taken < rounds * count {
            let mut haul = Haul::new();
            pull.recv_many(&mut haul, Limits { min: 1, max: 7 }, soon(), &mut Never).unwrap();
            taken += haul.len();
        }
    });
}

#[test]
fn what_had_no_room_is_known() {
    let (_context, push, pull) = push_pull(2);
    let messages: [&[&[u8]]; 9] =
        [&[b"0", b"a"], &[b"1"], &[b"2"], &[b"3"], &[b"4"], &[b"5"], &[b"6"], &[b"7"], &[b"8"]];
    let mut batch = outbox(&messages);
    assert!(!push.try_send_many(&mut batch).unwrap());
    let sent = batch.sent();
    assert!(0 < sent && sent < 9);
    assert!(push.try_send_many(&mut batch).unwrap_err().is_again());
    assert!(push.send_many(&mut batch, Deadline::now(), &mut Never).unwrap_err().is_again());
    assert_eq!((batch.sent(), push.stats().messages_sent), (sent, sent as u64));
    let mut haul = Haul::new();
    pull.recv_many(&mut haul, Limits { min: sent, max: 9 }, soon(), &mut Never).unwrap();
    assert_eq!(shown(&haul), messages[..sent]);
    push.try_send_many(&mut batch).unwrap();
    assert!(batch.sent() > sent);
}

#[test]
fn what_was_taken_in_vain_goes_back() {
    let (_context, push, pull) = push_pull(0);
    let messages: [&[&[u8]]; 3] = [&[b"0"], &[b"1", b"a"], &[b"2"]];
    assert!(push.try_send_many(&mut outbox(&messages)).unwrap());
    let mut haul = Haul::new();
    pull.recv_many(&mut haul, Limits { min: 3, max: 3 }, soon(), &mut Never).unwrap();
    let rest = haul.split_off(1);
    assert_eq!((haul.len(), rest.len()), (1, 3));
    pull.give_back(rest).unwrap();
    assert_eq!(pull.stats().messages_received, 1);
    let mut again = Haul::new();
    pull.recv_many(&mut again, Limits { min: 9, max: 9 }, Deadline::now(), &mut Never).unwrap();
    assert_eq!(shown(&again), messages[1..]);
}

#[test]
fn an_odd_message_stays_where_it_is() {
    let (_context, push, pull) = push_pull(0);
    push.try_send_many(&mut outbox(&[&[b"12"], &[b"34"], &[b"5", b"6"], &[b"78"]])).unwrap();
    let limits = Limits { min: 4, max: 4 };
    let mut haul = Haul::of_records(2);
    pull.recv_many(&mut haul, limits, soon(), &mut Never).unwrap();
    assert_eq!((haul.len(), haul.odd()), (2, Some(Odd { frames: 2, bytes: 2 })));
    let mut none = Haul::of_records(2);
    pull.recv_many(&mut none, limits, soon(), &mut Never).unwrap();
    assert!(none.is_empty() && none.odd().is_some());
    assert_eq!(pull.stats().messages_received, 2);
    assert_eq!(pull.try_recv_multipart().unwrap().len(), 2);
    pull.recv_many(&mut none, limits, soon(), &mut Never).unwrap();
    assert!(none.is_empty(), "a haul with an odd message takes nothing more");
}

#[test]
fn large_frames_are_sent_as_they_are() {
    let (_context, push, pull) = push_pull(0);
    let large = vec![7u8; 2 * LARGE];
    let mut batch = outbox(&[&[b"a"], &[&large, b"b"], &[&large]]);
    push.send_many(&mut batch, soon(), &mut Never).unwrap();
    let mut haul = Haul::new();
    pull.recv_many(&mut haul, Limits { min: 3, max: 3 }, soon(), &mut Never).unwrap();
    assert_eq!(shown(&haul), [vec![b"a".as_slice()], vec![&large[..], b"b"], vec![&large[..]]]);
}
