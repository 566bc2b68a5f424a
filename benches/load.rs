//! Load for a device: peers that cost next to nothing, so that what is measured is the device between them.
//!
//! They are no sockets of any library, but TCP connections that say hello in ZMTP 3.0 (NULL) and then move whole blocks of
//! ready-made frames: a producer writes the same block again and again, a consumer counts bytes, a server writes back
//! what it reads. On a machine with few cores any real socket would take as much of them as the device itself.
//!
//! ```console
//! load stream  127.0.0.1:5557 127.0.0.1:5558              # a producer and a worker of a Streamer
//! load forward 127.0.0.1:5557 127.0.0.1:5558              # a publisher and a subscriber of a Forwarder
//! load queue   127.0.0.1:5557 127.0.0.1:5558 clients=8 window=1
//! ```
//!
//! Options, as `name=value`: `size` of a message in bytes (128), `seconds` that are measured (1), after `warm` seconds (0.3)
//! that are not, `clients` of a queue (8), `window` of requests that each has under way (1: a REQ; else a DEALER),
//! `servers` of a queue (1), `producers` and `workers` of the other two (1). One line is printed: messages (round trips,
//! for a queue) per second. It ends by itself: a device that moves nothing gets 0.

use std::collections::HashMap;
use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use rustix::event::{poll, PollFd, PollFlags, Timespec};

/// How much is written or read at once.
const BLOCK: usize = 256 * 1024;
/// How long a peer waits for the device before it looks whether it shall end.
const LOOK: Duration = Duration::from_millis(100);
/// How long a device may take to say hello.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of a frame: more frames follow, its length has 8 bytes, it is a command.
const MORE: u8 = 1;
const LONG: u8 = 2;

struct Task {
    front: String,
    back: String,
    options: HashMap<String, f64>,
    stop: AtomicBool,
    bytes: AtomicU64,
    failed: AtomicBool,
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut word =
        || words.next().ok_or_else(|| Error::other("usage: load stream|forward|queue FRONT BACK [name=value]..."));
    let (what, front, back) = (word()?, word()?, word()?);
    let mut options = HashMap::new();
    for word in words {
        let option = word.split_once('=').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
        let (name, value) = option.ok_or_else(|| Error::other(format!("not a name=number: {word}")))?;
        options.insert(name, value);
    }
    let task = Task { front, back, options, stop: false.into(), bytes: 0.into(), failed: false.into() };
    let rate = match what.as_str() {
        "stream" => task.one_way("PUSH", "PULL"),
        "forward" => task.one_way("PUB", "SUB"),
        "queue" => task.both_ways(),
        _ => Err(Error::other(format!("no such load: {what}"))),
    }?;
    println!("{rate:.0}");
    Ok(())
}

impl Task {
    fn option(&self, name: &str, default: f64) -> f64 {
        self.options.get(name).copied().unwrap_or(default)
    }

    fn count(&self, name: &str, default: usize) -> usize {
        self.option(name, default as f64).max(1.0) as usize
    }

    fn message(&self) -> Vec<u8> {
        frame(0, &vec![b'x'; self.count("size", 128)])
    }

    /// From producers or publishers in front to workers or subscribers behind.
    fn one_way(&self, giver: &str, taker: &str) -> Result<f64> {
        let message = self.message();
        let block = message.repeat((BLOCK / message.len()).max(1));
        let subscribed = giver == "PUB";
        let mut takers = (0..self.count("workers", 1)).map(|_| hello(&self.back, taker)).collect::<Result<Vec<_>>>()?;
        if subscribed {
            takers.iter_mut().try_for_each(|taker| taker.write_all(&frame(0, &[1])))?;
        }
        let givers = (0..self.count("producers", 1)).map(|_| hello(&self.front, giver)).collect::<Result<Vec<_>>>()?;
        thread::scope(|scope| {
            for mut giver in givers {
                scope.spawn(|| {
                    let told = if subscribed { read_frame(&mut giver).map(drop) } else { Ok(()) };
                    self.report(told.and_then(|()| self.give(giver, &block)));
                });
            }
            for mut taker in takers {
                scope.spawn(move || {
                    let mut block = vec![0; BLOCK];
                    let end = self.until_stopped(|| taker.read(&mut block).map(|read| self.saw(read)));
                    self.report(end);
                });
            }
            self.rate(message.len())
        })
    }

    fn give(&self, mut giver: TcpStream, block: &[u8]) -> Result<()> {
        let mut at = 0;
        self.until_stopped(|| {
            let wrote = giver.write(&block[at..])?;
            at = (at + wrote) % block.len();
            Ok(wrote)
        })
    }

    /// From clients in front to servers behind, and back.
    fn both_ways(&self) -> Result<f64> {
        let (count, window) = (self.count("clients", 8), self.count("window", 1));
        let request = [frame(MORE, b""), self.message()].concat();
        let kind = if window == 1 { "REQ" } else { "DEALER" };
        let servers = (0..self.count("servers", 1)).map(|_| hello(&self.back, "REP")).collect::<Result<Vec<_>>>()?;
        let clients = (0..count).map(|_| hello(&self.front, kind)).collect::<Result<Vec<_>>>()?;
        thread::scope(|scope| {
            for mut server in servers {
                scope.spawn(move || {
                    let mut block = vec![0; BLOCK];
                    let end = self.until_stopped(|| {
                        let read = server.read(&mut block)?;
                        server.write_all(&block[..read])?;
                        Ok(read)
                    });
                    self.report(end);
                });
            }
            let client = || self.report(self.ask(clients, &request.repeat(window), request.len()));
            scope.spawn(client);
            self.rate(request.len())
        })
    }

    /// Keeps the windows of all clients full: one thread, since switching between many would be half of the load.
    fn ask(&self, mut clients: Vec<TcpStream>, requests: &[u8], size: usize) -> Result<()> {
        let mut behind = vec![0; clients.len()];
        let mut block = vec![0; BLOCK];
        clients.iter_mut().try_for_each(|client| client.write_all(requests))?;
        let nap = Timespec { tv_sec: 0, tv_nsec: LOOK.as_nanos() as i64 };
        while !self.stop.load(Relaxed) {
            let mut items: Vec<_> = clients.iter().map(|client| PollFd::new(client, PollFlags::IN)).collect();
            poll(&mut items, Some(&nap))?;
            let ready: Vec<usize> = (0..items.len()).filter(|index| !items[*index].revents().is_empty()).collect();
            for index in ready {
                let read = clients[index].read(&mut block)?;
                if read == 0 {
                    return Err(Error::other("the device ended a client's connection"));
                }
                self.saw(read);
                behind[index] += read;
                let whole = behind[index] / size;
                behind[index] %= size;
                clients[index].write_all(&requests[..whole * size])?;
            }
        }
        Ok(())
    }

    fn saw(&self, bytes: usize) -> usize {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        bytes
    }

    /// Goes on until the time is over or the device has hung up, which is an error before that.
    fn until_stopped(&self, mut step: impl FnMut() -> Result<usize>) -> Result<()> {
        use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        while !self.stop.load(Relaxed) {
            match step() {
                Ok(0) => return Err(Error::other("the device ended a connection")),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), Interrupted | TimedOut | WouldBlock) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn report(&self, end: Result<()>) {
        if let Err(error) = end {
            if !self.stop.load(Relaxed) && !self.failed.swap(true, Relaxed) {
                eprintln!("load: {error}");
            }
        }
    }

    /// Lets the peers work, and says how many messages per second arrived.
    fn rate(&self, size: usize) -> Result<f64> {
        thread::sleep(Duration::from_secs_f64(self.option("warm", 0.3)));
        let (start, before) = (std::time::Instant::now(), self.bytes.load(Relaxed));
        thread::sleep(Duration::from_secs_f64(self.option("seconds", 1.0).min(60.0)));
        let (bytes, seconds) = (self.bytes.load(Relaxed) - before, start.elapsed().as_secs_f64());
        self.stop.store(true, Relaxed);
        match self.failed.load(Relaxed) {
            true => Err(Error::other("a peer failed")),
            false => Ok(bytes as f64 / size as f64 / seconds),
        }
    }
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(len) => [&[flags, len][..], body].concat(),
        Err(_) => [&[flags | LONG][..], &(body.len() as u64).to_be_bytes(), body].concat(),
    }
}

fn read_frame(peer: &mut TcpStream) -> Result<Vec<u8>> {
    peer.set_read_timeout(Some(PATIENCE))?;
    let mut head = [0; 2];
    peer.read_exact(&mut head)?;
    let mut body = vec![0; head[1].into()];
    peer.read_exact(&mut body)?;
    peer.set_read_timeout(Some(LOOK))?;
    Ok(body)
}

/// A connection that has introduced itself as a socket of a type.
fn hello(address: &str, kind: &str) -> Result<TcpStream> {
    let mut peer = TcpStream::connect(address)?;
    peer.set_nodelay(true)?;
    peer.set_write_timeout(Some(LOOK))?;
    peer.set_read_timeout(Some(PATIENCE))?;
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
    greeting[12..16].copy_from_slice(b"NULL");
    peer.write_all(&greeting)?;
    peer.read_exact(&mut greeting)?;
    let size = (kind.len() as u32).to_be_bytes();
    let ready = [b"\x05READY\x0bSocket-Type", &size[..], kind.as_bytes()].concat();
    peer.write_all(&frame(4, &ready))?;
    read_frame(&mut peer)?;
    Ok(peer)
}
