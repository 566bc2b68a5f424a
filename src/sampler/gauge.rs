//! What can be sampled, and what is read off it.

use std::sync::{Arc, Weak};

use crate::device::{Device, DeviceGauge};
use crate::error::{Error, Result};
use crate::ffi::fork_generation;
use crate::pipeline::reliable::collector::{Collector, CollectorGauge};
use crate::pipeline::reliable::producer::{Producer, ProducerGauge};
use crate::socket::{Shared, Socket};

/// In place of a number of peers that is not known.
pub const UNKNOWN: i64 = -1;

const SOCKET: [&str; 5] = ["messages_sent", "messages_received", "bytes_sent", "bytes_received", "peers"];
const PEERS: usize = 4;
const DEVICE: [&str; 4] = ["frontend_messages", "frontend_bytes", "backend_messages", "backend_bytes"];

const PRODUCER: [&str; 7] = ["jobs", "jobs_bytes", "done", "in_flight", "redelivered", "lost", "workers"];
const COLLECTOR: [&str; 6] = ["results", "results_bytes", "failed", "duplicates", "waiting", "sources"];

/// Something with figures. It keeps nothing alive.
pub enum Gauge {
    /// A socket: what it has counted, and how many peers are connected.
    Socket(Weak<Shared>),
    /// A device: what it has moved.
    Device(DeviceGauge),
    /// A reliable producer: what was done of its jobs.
    Producer(ProducerGauge),
    /// A reliable collector: what it has taken.
    Collector(CollectorGauge),
}

impl Gauge {
    /// Of a socket.
    ///
    /// # Errors
    /// It is closed, or its process's parent's.
    pub fn of_socket(socket: &Socket) -> Result<Self> {
        if socket.0.generation != fork_generation() {
            return Err(Error::forked());
        }
        match socket.closed() {
            true => Err(Error::closed()),
            false => Ok(Gauge::Socket(Arc::downgrade(&socket.0))),
        }
    }

    /// Of a device.
    ///
    /// # Errors
    /// It has ended, or is its process's parent's.
    pub fn of_device(device: &Device) -> Result<Self> {
        device.gauge().map(Gauge::Device)
    }

    /// Of a reliable producer.
    ///
    /// # Errors
    /// It has ended, or is its process's parent's.
    pub fn of_producer(producer: &Producer) -> Result<Self> {
        producer.gauge().map(Gauge::Producer)
    }

    /// Of a reliable collector.
    ///
    /// # Errors
    /// It has ended, or is its process's parent's.
    pub fn of_collector(collector: &Collector) -> Result<Self> {
        collector.gauge().map(Gauge::Collector)
    }

    /// What its figures are called.
    pub fn names(&self) -> &'static [&'static str] {
        match self {
            Gauge::Socket(_) => &SOCKET,
            Gauge::Device(_) => &DEVICE,
            Gauge::Producer(_) => &PRODUCER,
            Gauge::Collector(_) => &COLLECTOR,
        }
    }

    /// The sockets whose connections are its own. A device's are sampled by themselves.
    pub fn sockets(&self) -> Vec<Socket> {
        match self {
            Gauge::Socket(socket) => Socket::upgrade(socket).into_iter().collect(),
            Gauge::Device(_) => Vec::new(),
            Gauge::Producer(producer) => producer.sockets(),
            Gauge::Collector(collector) => collector.sockets(),
        }
    }

    /// Reads its figures into `row`; whether there will be others. The counts of what is gone stay as they were.
    pub fn read(&self, row: &mut [i64]) -> bool {
        match self {
            Gauge::Socket(socket) => {
                let Some(socket) = Socket::upgrade(socket) else {
                    row[PEERS] = 0;
                    return false;
                };
                let (open, stats, peers) = socket.glimpse();
                let counts = [stats.messages_sent, stats.messages_received, stats.bytes_sent, stats.bytes_received];
                fill(row, counts.map(signed).into_iter().chain([peers.map_or(UNKNOWN, |peers| signed(peers as u64))]));
                open
            }
            Gauge::Device(device) => {
                let Some((moved, runs)) = device.read() else {
                    return false;
                };
                let counts =
                    [moved.frontend_messages, moved.frontend_bytes, moved.backend_messages, moved.backend_bytes];
                fill(row, counts.map(signed).into_iter());
                runs
            }
            Gauge::Producer(producer) => {
                let Some((now, runs)) = producer.read() else {
                    return false;
                };
                let counts = [now.jobs, now.bytes, now.done, now.in_flight, now.redelivered, now.lost, now.workers];
                fill(row, counts.map(signed).into_iter());
                runs
            }
            Gauge::Collector(collector) => {
                let Some((now, runs)) = collector.read() else {
                    return false;
                };
                let counts = [now.results, now.bytes, now.failed, now.duplicates, now.waiting, now.workers];
                fill(row, counts.map(signed).into_iter());
                runs
            }
        }
    }
}

fn fill(row: &mut [i64], figures: impl Iterator<Item = i64>) {
    for (place, figure) in row.iter_mut().zip(figures) {
        *place = figure;
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
