//! What is said on the wire: the first frame of each message, to and from bytes. docs/pipeline-protocol.md has it in prose.
//!
//! It comes from whoever can reach a port, so nothing here believes a length or a count before it has been checked.

use crate::error::Result;
use crate::message::Message;

/// How each message begins, the version of the protocol last.
pub const MAGIC: [u8; 3] = [b'B', b'P', VERSION];
/// The version that is spoken here.
pub const VERSION: u8 = 1;
/// The longest name of a worker or a codec, in bytes.
pub const NAME_MAX_LENGTH: usize = 255;

/// What tells the work of one producer from that of every other.
pub type Run = [u8; 16];

/// What a message is about: the byte behind [`MAGIC`].
pub mod kind {
    #![allow(missing_docs)]
    pub const HELLO: u8 = 1;
    pub const WELCOME: u8 = 2;
    pub const WHO: u8 = 3;
    pub const BEAT: u8 = 4;
    pub const LEAVE: u8 = 5;
    pub const BYE: u8 = 6;
    pub const WANT: u8 = 7;
    pub const JOBS: u8 = 8;
    pub const DONE: u8 = 9;
    pub const AGAIN: u8 = 10;
    pub const RESULTS: u8 = 11;
    pub const ACK: u8 = 12;
    pub const GONE: u8 = 13;
}

/// What became of a job; in a job's own head, what is to be passed on in place of a call (0: call).
pub mod status {
    /// The payload is what the function returned.
    pub const VALUE: u8 = 1;
    /// It returned nothing to pass on; there is no payload.
    pub const NOTHING: u8 = 2;
    /// It failed: a frame of JSON says how, then comes the job's payload, unless that is large.
    pub const ERROR: u8 = 3;
    /// It was cancelled before it began.
    pub const CANCELLED: u8 = 4;
    /// No job: the run has as many as this one's number, and this was the last message of it.
    pub const END: u8 = 5;
    /// No job: the producer has stopped before its work was done.
    pub const ABORT: u8 = 6;
}

/// Why somebody says BYE.
pub mod bye {
    /// All work is done.
    pub const DONE: u8 = 0;
    /// The producer, or the collector, was closed before that.
    pub const CLOSED: u8 = 1;
    /// The answer to LEAVE.
    pub const LEFT: u8 = 2;
    /// Another version of the protocol is spoken here.
    pub const VERSION: u8 = 3;
}

/// Which of the two bound roles somebody is, or takes the other for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Hands out jobs.
    Producer,
    /// Takes results.
    Collector,
}

/// A job as it is announced: its payload's frames follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobHead {
    /// Its number within the run, from 0.
    pub number: u64,
    /// 0, or the [`status`] to pass the payload on with.
    pub pass: u8,
    /// Which delivery this is, from 1.
    pub attempt: u16,
    /// How many more times it may be tried if the function fails.
    pub left: u16,
    /// How many frames its payload has.
    pub frames: u16,
}

/// A result as it is announced: its payload's frames follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultHead {
    /// The job's number.
    pub number: u64,
    /// What became of it.
    pub status: u8,
    /// Which delivery of the job it comes from.
    pub attempt: u16,
    /// How many frames its payload has.
    pub frames: u16,
}

/// What a first frame says.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A worker presents itself, with the jobs of a run that it still has.
    Hello { role: Role, run: Run, name: String, held: Vec<u64> },
    /// It may work; of the jobs that it has, it keeps these.
    Welcome { role: Role, run: Run, beat_ms: u32, limit_ms: u32, job_ms: u32, codec: String, kept: Vec<u64> },
    /// Say HELLO: you are not known here.
    Who,
    /// Still there.
    Beat,
    /// A worker leaves; what it has and has not done is to be given to another.
    Leave,
    /// There is nothing to come any more: see [`bye`].
    Bye { reason: u8 },
    /// Send so many jobs more.
    Want { jobs: u32 },
    /// Jobs, and whose.
    Jobs { run: Run, heads: Vec<JobHead> },
    /// These are done: their results are with the collector.
    Done { run: Run, numbers: Vec<u64> },
    /// These failed and are to be tried again.
    Again { run: Run, numbers: Vec<u64> },
    /// Results, and of whose jobs.
    Results { run: Run, heads: Vec<ResultHead> },
    /// These results have been taken.
    Ack { run: Run, numbers: Vec<u64> },
    /// The connection has ended: libzmq's own message to a ROUTER.
    Gone,
}

/// Why a message is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It begins otherwise, or is cut off, or its counts do not fit.
    Malformed,
    /// It is of another version.
    Version,
    /// Its kind is not known: that of a later release, to be passed over.
    Unknown,
}

impl Said {
    /// Reads a first frame, behind which so many others came. What follows the known fields is left alone: a later release
    /// may have put something there.
    ///
    /// # Errors
    /// It is not of this protocol.
    pub fn read(frame: &[u8], others: usize) -> std::result::Result<Self, Refused> {
        let (Some(magic), Some(kind)) = (frame.get(..3), frame.get(3)) else {
            return Err(Refused::Malformed);
        };
        if magic[..2] != MAGIC[..2] {
            return Err(Refused::Malformed);
        }
        if magic[2] != VERSION {
            return Err(Refused::Version);
        }
        let said = Fields(&frame[4..]).said(*kind)?;
        let announced = match &said {
            Said::Jobs { heads, .. } => heads.iter().map(|head| usize::from(head.frames)).sum(),
            Said::Results { heads, .. } => heads.iter().map(|head| usize::from(head.frames)).sum(),
            _ => 0,
        };
        if announced == others {
            Ok(said)
        } else {
            Err(Refused::Malformed)
        }
    }

    /// The first frame.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(64);
        to.extend(MAGIC);
        match self {
            Said::Hello { role, run, name, held } => {
                to.push(kind::HELLO);
                to.push(role.byte());
                to.extend(run);
                put_name(&mut to, name);
                put_numbers(&mut to, held);
            }
            Said::Welcome { role, run, beat_ms, limit_ms, job_ms, codec, kept } => {
                to.push(kind::WELCOME);
                to.push(role.byte());
                to.extend(run);
                for time in [beat_ms, limit_ms, job_ms] {
                    to.extend(time.to_be_bytes());
                }
                put_name(&mut to, codec);
                put_numbers(&mut to, kept);
            }
            Said::Who => to.push(kind::WHO),
            Said::Beat => to.push(kind::BEAT),
            Said::Leave => to.push(kind::LEAVE),
            Said::Gone => to.push(kind::GONE),
            Said::Bye { reason } => to.extend([kind::BYE, *reason]),
            Said::Want { jobs } => {
                to.push(kind::WANT);
                to.extend(jobs.to_be_bytes());
            }
            Said::Jobs { run, heads } => {
                to.reserve(24 + heads.len() * JobHead::LENGTH);
                to.push(kind::JOBS);
                to.extend(run);
                to.extend(count(heads.len()).to_be_bytes());
                heads.iter().for_each(|head| head.put(&mut to));
            }
            Said::Results { run, heads } => {
                to.reserve(24 + heads.len() * ResultHead::LENGTH);
                to.push(kind::RESULTS);
                to.extend(run);
                to.extend(count(heads.len()).to_be_bytes());
                heads.iter().for_each(|head| head.put(&mut to));
            }
            Said::Done { run, numbers } => put_list(&mut to, kind::DONE, run, numbers),
            Said::Again { run, numbers } => put_list(&mut to, kind::AGAIN, run, numbers),
            Said::Ack { run, numbers } => put_list(&mut to, kind::ACK, run, numbers),
        }
        to
    }

    /// The first frame as a message.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn message(&self) -> Result<Message> {
        Message::from_slice(&self.write())
    }
}

impl Role {
    fn byte(self) -> u8 {
        match self {
            Role::Producer => 1,
            Role::Collector => 2,
        }
    }
}

impl JobHead {
    /// Its bytes on the wire.
    pub const LENGTH: usize = 15;

    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.number.to_be_bytes());
        to.push(self.pass);
        for field in [self.attempt, self.left, self.frames] {
            to.extend(field.to_be_bytes());
        }
    }
}

impl ResultHead {
    /// Its bytes on the wire.
    pub const LENGTH: usize = 13;

    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.number.to_be_bytes());
        to.push(self.status);
        for field in [self.attempt, self.frames] {
            to.extend(field.to_be_bytes());
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn put_name(to: &mut Vec<u8>, name: &str) {
    let mut end = name.len().min(NAME_MAX_LENGTH);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    to.push(u8::try_from(end).unwrap_or(u8::MAX));
    to.extend(&name.as_bytes()[..end]);
}

fn put_numbers(to: &mut Vec<u8>, numbers: &[u64]) {
    to.extend(count(numbers.len()).to_be_bytes());
    numbers.iter().for_each(|number| to.extend(number.to_be_bytes()));
}

fn put_list(to: &mut Vec<u8>, kind: u8, run: &Run, numbers: &[u64]) {
    to.push(kind);
    to.extend(run);
    put_numbers(to, numbers);
}

/// The rest of a frame, read field by field.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn said(&mut self, kind: u8) -> std::result::Result<Said, Refused> {
        Ok(match kind {
            kind::HELLO => {
                Said::Hello { role: self.role()?, run: self.take()?, name: self.name()?, held: self.numbers()? }
            }
            kind::WELCOME => Said::Welcome {
                role: self.role()?,
                run: self.take()?,
                beat_ms: self.u32()?,
                limit_ms: self.u32()?,
                job_ms: self.u32()?,
                codec: self.name()?,
                kept: self.numbers()?,
            },
            kind::WHO => Said::Who,
            kind::BEAT => Said::Beat,
            kind::LEAVE => Said::Leave,
            kind::GONE => Said::Gone,
            kind::BYE => Said::Bye { reason: self.u8()? },
            kind::WANT => Said::Want { jobs: self.u32()? },
            kind::JOBS => Said::Jobs { run: self.take()?, heads: self.list(JobHead::LENGTH, Self::job_head)? },
            kind::DONE => Said::Done { run: self.take()?, numbers: self.numbers()? },
            kind::AGAIN => Said::Again { run: self.take()?, numbers: self.numbers()? },
            kind::RESULTS => {
                Said::Results { run: self.take()?, heads: self.list(ResultHead::LENGTH, Self::result_head)? }
            }
            kind::ACK => Said::Ack { run: self.take()?, numbers: self.numbers()? },
            _ => return Err(Refused::Unknown),
        })
    }

    fn bytes(&mut self, length: usize) -> std::result::Result<&[u8], Refused> {
        if length > self.0.len() {
            return Err(Refused::Malformed);
        }
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    fn take<const N: usize>(&mut self) -> std::result::Result<[u8; N], Refused> {
        self.bytes(N)?.try_into().map_err(|_| Refused::Malformed)
    }

    fn u8(&mut self) -> std::result::Result<u8, Refused> {
        self.take().map(|[byte]| byte)
    }

    fn u16(&mut self) -> std::result::Result<u16, Refused> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> std::result::Result<u32, Refused> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> std::result::Result<u64, Refused> {
        self.take().map(u64::from_be_bytes)
    }

    fn role(&mut self) -> std::result::Result<Role, Refused> {
        match self.u8()? {
            1 => Ok(Role::Producer),
            2 => Ok(Role::Collector),
            _ => Err(Refused::Malformed),
        }
    }

    fn name(&mut self) -> std::result::Result<String, Refused> {
        let length = usize::from(self.u8()?);
        let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| Refused::Malformed)?;
        Ok(text.to_owned())
    }

    fn numbers(&mut self) -> std::result::Result<Vec<u64>, Refused> {
        self.list(8, Self::u64)
    }

    fn list<T>(
        &mut self,
        size: usize,
        mut one: impl FnMut(&mut Self) -> std::result::Result<T, Refused>,
    ) -> std::result::Result<Vec<T>, Refused> {
        let count = usize::try_from(self.u32()?).map_err(|_| Refused::Malformed)?;
        // Before anything is set aside for so many.
        if count > self.0.len() / size {
            return Err(Refused::Malformed);
        }
        (0..count).map(|_| one(self)).collect()
    }

    fn job_head(&mut self) -> std::result::Result<JobHead, Refused> {
        Ok(JobHead {
            number: self.u64()?,
            pass: self.u8()?,
            attempt: self.u16()?,
            left: self.u16()?,
            frames: self.u16()?,
        })
    }

    fn result_head(&mut self) -> std::result::Result<ResultHead, Refused> {
        Ok(ResultHead { number: self.u64()?, status: self.u8()?, attempt: self.u16()?, frames: self.u16()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(Said, usize)> {
        let run = [7; 16];
        let job = JobHead { number: 1 << 40, pass: 0, attempt: 2, left: 3, frames: 2 };
        let result = ResultHead { number: 9, status: status::VALUE, attempt: 1, frames: 3 };
        vec![
            (Said::Hello { role: Role::Producer, run, name: "zoë".into(), held: vec![1, u64::MAX] }, 0),
            (
                Said::Welcome {
                    role: Role::Collector,
                    run,
                    beat_ms: 1000,
                    limit_ms: 5000,
                    job_ms: 0,
                    codec: "json".into(),
                    kept: vec![],
                },
                0,
            ),
            (Said::Who, 0),
            (Said::Beat, 0),
            (Said::Leave, 0),
            (Said::Gone, 0),
            (Said::Bye { reason: bye::LEFT }, 0),
            (Said::Want { jobs: 17 }, 0),
            (Said::Jobs { run, heads: vec![job, JobHead { frames: 0, ..job }] }, 2),
            (Said::Done { run, numbers: vec![3, 4] }, 0),
            (Said::Again { run, numbers: vec![] }, 0),
            (Said::Results { run, heads: vec![result] }, 3),
            (Said::Ack { run, numbers: vec![5] }, 0),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for (said, others) in all() {
            assert_eq!(Said::read(&said.write(), others), Ok(said.clone()));
            let mut longer = said.write();
            longer.extend(b"more, from a later release");
            assert_eq!(Said::read(&longer, others), Ok(said));
        }
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for (said, others) in all() {
            let whole = said.write();
            for length in 0..whole.len() {
                assert_eq!(Said::read(&whole[..length], others), Err(Refused::Malformed), "{said:?} {length}");
            }
            assert_eq!(Said::read(&whole, others + 1), Err(Refused::Malformed));
        }
    }

    #[test]
    fn strangers_are_told_apart() {
        assert_eq!(Said::read(b"GET / HTTP/1.1", 0), Err(Refused::Malformed));
        assert_eq!(Said::read(b"BP\x02\x04", 0), Err(Refused::Version));
        assert_eq!(Said::read(b"BP\x01\xfe", 0), Err(Refused::Unknown));
        let mut many = b"BP\x01\x09".to_vec();
        many.extend([0; 16]);
        many.extend(u32::MAX.to_be_bytes());
        assert_eq!(Said::read(&many, 0), Err(Refused::Malformed));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = "é".repeat(200);
        let said = Said::Hello { role: Role::Producer, run: [0; 16], name, held: vec![] };
        let Ok(Said::Hello { name, .. }) = Said::read(&said.write(), 0) else {
            panic!("not a HELLO");
        };
        assert_eq!(name, "é".repeat(127));
    }
}
