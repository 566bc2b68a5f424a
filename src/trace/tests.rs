use super::*;
use crate::batch::{Haul, Limits, Outbox};
use crate::context::Context;
use crate::message::{Message, Part};
use crate::transfer::SNDMORE;
use crate::wait::{Deadline, Never};

fn pair(a: u32, b: u32) -> (Context, Socket, Socket) {
    let context = Context::new(1).unwrap();
    let bound = context.socket(a as i32).unwrap();
    let connected = context.socket(b as i32).unwrap();
    bound.bind("inproc://traced").unwrap();
    connected.connect("inproc://traced").unwrap();
    (context, bound, connected)
}

fn send(socket: &Socket, frames: &[&[u8]]) {
    let mut parts: Vec<Part<'_>> = frames.iter().map(|frame| Part::Bytes(frame)).collect();
    socket.try_send(&mut parts, 0).unwrap();
}

fn started(sockets: &[&Socket], keep: usize, bytes: usize) -> Trace {
    let sockets: Vec<Socket> = sockets.iter().map(|socket| (*socket).clone()).collect();
    let trace = Trace::new(&sockets, keep, bytes);
    trace.start().unwrap();
    trace
}

/// (party, sent, the heads of the frames).
fn shown(trace: &Trace) -> Vec<(usize, bool, Vec<Vec<u8>>)> {
    let heads = |seen: &Seen| seen.frames.iter().map(|piece| piece.head.to_vec()).collect();
    trace.read().unwrap().records.iter().map(|record| (record.party, record.sent, heads(&record.seen))).collect()
}

#[test]
fn a_traced_socket_leaves_the_straight_way_for_as_long_as_it_lasts() {
    let (_context, a, _b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let straight = || a.look(false, |state| state.straight().is_some());
    assert!(straight());
    let first = started(&[&a], 10, 10);
    let second = started(&[&a], 10, 10);
    assert!(!straight());
    first.stop().unwrap();
    assert!(!straight());
    drop(second);
    assert!(straight());
    // Where each message takes more than to be passed on, that stays so.
    let (_context, req, _rep) = pair(zmq_sys::ZMQ_REQ, zmq_sys::ZMQ_REP);
    drop(started(&[&req], 10, 10));
    assert!(req.look(false, |state| state.straight().is_none()));
}

#[test]
fn a_message_is_recorded_once_and_whole() {
    let (_context, a, b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let trace = started(&[&a, &b], 10, 3);
    a.try_send_bytes(b"first", SNDMORE).unwrap();
    assert!(shown(&trace).is_empty());
    a.try_send_bytes(b"last", 0).unwrap();
    assert!(b.try_recv().unwrap().more());
    assert_eq!(shown(&trace).len(), 1);
    assert!(!b.try_recv().unwrap().more());
    let heads = vec![b"fir".to_vec(), b"las".to_vec()];
    assert_eq!(shown(&trace), [(0, true, heads.clone()), (1, false, heads)]);
    let page = trace.read().unwrap();
    let seen = &page.records[1].seen;
    assert_eq!((seen.parts, seen.size, seen.frames[0].len), (2, 9, 5));
    assert!(page.records[0].elapsed(page.begun.unwrap()) <= page.records[1].elapsed(page.begun.unwrap()));
}

#[test]
fn the_rest_of_a_message_that_began_before_is_none() {
    let (_context, a, b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    a.try_send_bytes(b"1", SNDMORE).unwrap();
    let sender = started(&[&a], 10, 10);
    a.try_send_bytes(b"2", 0).unwrap();
    assert!(shown(&sender).is_empty());
    b.try_recv().unwrap();
    let receiver = started(&[&b], 10, 10);
    b.try_recv().unwrap();
    assert!(shown(&receiver).is_empty());
    send(&a, &[b"3"]);
    b.try_recv().unwrap();
    assert_eq!((shown(&sender).len(), shown(&receiver).len()), (1, 1));
}

#[test]
fn a_second_trace_does_not_get_what_began_before_it() {
    let (_context, a, _b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let first = started(&[&a], 10, 10);
    a.try_send_bytes(b"1", SNDMORE).unwrap();
    let second = started(&[&a], 10, 1);
    a.try_send_bytes(b"2", 0).unwrap();
    send(&a, &[b"long"]);
    assert_eq!(shown(&first).len(), 2);
    assert_eq!(shown(&second), [(0, true, vec![b"l".to_vec()])]);
}

#[test]
fn the_oldest_are_dropped_and_counted() {
    let (_context, a, _b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let trace = started(&[&a], 3, 10);
    for number in 0..5u8 {
        send(&a, &[&[number]]);
    }
    let heads: Vec<_> = shown(&trace).into_iter().map(|(_, _, heads)| heads[0][0]).collect();
    assert_eq!(heads, [2, 3, 4]);
    assert_eq!(trace.counts().unwrap(), (3, 2));
}

#[test]
fn only_the_first_frames_are_kept() {
    let (_context, a, _b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let trace = started(&[&a], 3, 1);
    send(&a, &[b"xx".as_slice(); 20]);
    a.try_send_bytes(b"xx", SNDMORE).unwrap();
    send(&a, &[b"xx".as_slice(); 19]);
    for record in trace.read().unwrap().records {
        assert_eq!((record.seen.parts, record.seen.size, record.seen.frames.len()), (20, 40, FRAMES));
    }
}

#[test]
fn what_is_given_back_was_not_received() {
    let (_context, a, b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let trace = started(&[&b], 10, 10);
    send(&a, &[b"1", b"2"]);
    send(&a, &[b"3"]);
    let first = b.try_recv_multipart().unwrap();
    let second = b.try_recv_multipart().unwrap();
    assert_eq!(shown(&trace).len(), 2);
    b.give_back(first).unwrap();
    assert_eq!(shown(&trace), [(0, false, vec![b"3".to_vec()])]);
    b.give_back(second).unwrap();
    assert!(shown(&trace).is_empty());
    assert_eq!(b.try_recv_multipart().unwrap().len(), 1);
    assert_eq!(b.try_recv_multipart().unwrap().len(), 2);
    assert_eq!(shown(&trace).len(), 2);
}

#[test]
fn single_frames_that_are_given_back_are_put_together_again() {
    let (_context, a, b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let trace = started(&[&b], 10, 10);
    send(&a, &[b"1", b"2", b"3"]);
    let first = b.try_recv().unwrap();
    b.give_back(vec![first]).unwrap();
    let first = b.try_recv().unwrap();
    let second = b.try_recv().unwrap();
    b.give_back(vec![second]).unwrap();
    assert_eq!((first.as_slice(), b.try_recv().unwrap().as_slice()), (b"1".as_slice(), b"2".as_slice()));
    let last = b.try_recv().unwrap();
    assert_eq!(shown(&trace).len(), 1);
    b.give_back(vec![last]).unwrap();
    assert!(shown(&trace).is_empty());
    b.try_recv().unwrap();
    assert_eq!(shown(&trace), [(0, false, vec![b"1".to_vec(), b"2".to_vec(), b"3".to_vec()])]);
}

#[test]
fn what_was_given_back_and_is_no_longer_kept_is_not_counted_twice() {
    let (_context, a, b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let trace = started(&[&b], 2, 10);
    (0..5u8).for_each(|number| send(&a, &[&[number]]));
    let mut haul = Haul::new();
    b.recv_many(&mut haul, Limits { min: 5, max: 5 }, Deadline::never(), &mut Never).unwrap();
    assert_eq!(trace.counts().unwrap(), (2, 3));
    b.give_back(haul.split_off(1)).unwrap();
    assert_eq!(trace.counts().unwrap(), (0, 1));
    (0..4).for_each(|_| drop(b.try_recv().unwrap()));
    assert_eq!(trace.counts().unwrap(), (2, 3));
}

#[test]
fn batches_and_messages_that_are_given_away_are_recorded() {
    let (_context, a, b) = pair(zmq_sys::ZMQ_PUSH, zmq_sys::ZMQ_PULL);
    let trace = started(&[&a, &b], 10, 10);
    let mut outbox = Outbox::with_capacity(2);
    for text in [b"one".as_slice(), b"two"] {
        outbox.push(Part::Bytes(text));
        outbox.end_message();
    }
    assert!(a.try_send_many(&mut outbox).unwrap());
    let mut given = Message::from_slice(b"three").unwrap();
    a.try_send(&mut [Part::Given(&mut given)], 0).unwrap();
    let mut haul = Haul::new();
    b.recv_many(&mut haul, Limits { min: 3, max: 3 }, Deadline::never(), &mut Never).unwrap();
    let sent: Vec<_> = shown(&trace).into_iter().filter(|record| record.1).map(|record| record.2).collect();
    assert_eq!(sent, [[b"one".to_vec()], [b"two".to_vec()], [b"three".to_vec()]]);
    assert_eq!(shown(&trace).len(), 6);
}

#[test]
fn what_does_not_go_is_not_recorded() {
    let context = Context::new(1).unwrap();
    let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
    let trace = started(&[&push], 10, 10);
    assert!(push.try_send_bytes(b"x", 0).unwrap_err().is_again());
    assert!(push.try_send(&mut [Part::Bytes(b"x"), Part::Bytes(b"y")], 0).unwrap_err().is_again());
    assert_eq!(trace.counts().unwrap(), (0, 0));
}

#[test]
fn a_message_that_is_given_up_in_its_middle_is_not_recorded() {
    let (_context, a, _b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let trace = started(&[&a], 10, 10);
    a.try_send_bytes(b"first", SNDMORE).unwrap();
    // As if the peer had gone: see `State::give_up_torn`.
    a.once(crate::socket::ANY, |state| {
        state.trace.iter_mut().for_each(|trace| trace.lose_outgoing(true));
        Ok(())
    })
    .unwrap();
    a.try_send_bytes(b"second", SNDMORE).unwrap();
    a.try_send_bytes(b"last", 0).unwrap();
    assert_eq!(trace.counts().unwrap(), (0, 0));
    send(&a, &[b"whole"]);
    assert_eq!(trace.counts().unwrap(), (1, 0));
}

#[test]
fn a_trace_outlives_its_sockets_and_keeps_none_of_them() {
    let (_context, a, b) = pair(zmq_sys::ZMQ_PAIR, zmq_sys::ZMQ_PAIR);
    let trace = started(&[&a, &b], 10, 10);
    send(&a, &[b"x"]);
    let weak = Arc::downgrade(&a.0);
    a.close(Some(0), &mut Never).unwrap();
    drop(a);
    assert!(weak.upgrade().is_none());
    b.try_recv().unwrap();
    trace.stop().unwrap();
    // Whether it goes depends on whether this side knows already that the other is gone; it is not recorded either way.
    let _ = b.try_send_bytes(b"y", 0);
    assert_eq!(shown(&trace).len(), 2);
    trace.start().unwrap();
    assert!(trace.running().unwrap());
    let page = trace.read().unwrap();
    assert_eq!(page.endpoints[0][0].given, "inproc://traced");
    assert!(page.endpoints[0][0].bound && !page.endpoints[1][0].bound);
}
