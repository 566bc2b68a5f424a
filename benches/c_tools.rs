//! The limit beside which `make bench` measures: the loops of its cases written straight on libzmq's C API.
//!
//! The libzmq is the one that brokerless links, so that what lies between the two is brokerless and Python alone.
//!
//!     c_tools inproc  -         COUNT WARMUP SIZE HWM    send and receive in turn, on one thread
//!     c_tools receive ENDPOINT  COUNT WARMUP SIZE HWM    the receiving end of a throughput test (PULL)
//!     c_tools send    ENDPOINT  COUNT WARMUP SIZE HWM    its sending end (PUSH)
//!     c_tools request ENDPOINT  COUNT WARMUP SIZE HWM    round trips (REQ)
//!     c_tools reply   ENDPOINT  COUNT WARMUP SIZE HWM    the other end of them (REP)
//!
//! ENDPOINT is connected to, or bound if it begins with "@". The command that holds the clock prints the seconds of COUNT
//! messages or round trips, which begin after WARMUP others. A stream ends with the message "end" where it must be.

use std::time::Instant;

use c_api::{Context, Socket, PULL, PUSH, REP, REQ};

const END: &[u8] = b"end";

type Outcome<T> = Result<T, String>;

struct Job {
    endpoint: String,
    count: usize,
    warmup: usize,
    size: usize,
    hwm: i32,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments).and_then(|(command, job)| run(command, &job)) {
        Ok(Some(seconds)) => println!("{seconds}"),
        Ok(None) => {}
        Err(problem) => {
            eprintln!("c_tools: {problem}");
            std::process::exit(1);
        }
    }
}

fn parse(arguments: &[String]) -> Outcome<(&str, Job)> {
    let [command, endpoint, numbers @ ..] = arguments else {
        return Err("usage: c_tools COMMAND ENDPOINT COUNT WARMUP SIZE HWM".into());
    };
    let numbers: Vec<usize> =
        numbers.iter().map(|text| text.parse().map_err(|_| format!("{text} is no number"))).collect::<Outcome<_>>()?;
    let [count, warmup, size, hwm] = numbers[..] else {
        return Err("COUNT, WARMUP, SIZE and HWM are wanted".into());
    };
    let hwm = i32::try_from(hwm).map_err(|_| "HWM is too large")?;
    Ok((command, Job { endpoint: endpoint.clone(), count, warmup, size, hwm }))
}

fn run(command: &str, job: &Job) -> Outcome<Option<f64>> {
    let context = Context::new()?;
    match command {
        "inproc" => one_thread(&context, job).map(Some),
        "receive" => receive(&context.socket(PULL)?, job).map(Some),
        "send" => send(&context.socket(PUSH)?, job).map(|()| None),
        "request" => request(&context.socket(REQ)?, job).map(Some),
        "reply" => reply(&context.socket(REP)?, job).map(|()| None),
        _ => Err(format!("there is no command {command}")),
    }
}

impl Job {
    fn open(&self, socket: &Socket) -> Outcome<()> {
        socket.limit(self.hwm)?;
        match self.endpoint.strip_prefix('@') {
            Some(endpoint) => socket.bind(endpoint),
            None => socket.connect(&self.endpoint),
        }
    }

    fn payload(&self) -> &'static [u8] {
        // It is lent to libzmq, which may send it after the loop's end: it stays for as long as the process.
        Vec::leak(vec![b'x'; self.size])
    }
}

fn one_thread(context: &Context, job: &Job) -> Outcome<f64> {
    let (push, pull) = (context.socket(PUSH)?, context.socket(PULL)?);
    for socket in [&push, &pull] {
        socket.limit(job.hwm)?;
    }
    pull.bind("inproc://loop")?;
    push.connect("inproc://loop")?;
    let payload = job.payload();
    let turn = |turns: usize| -> Outcome<()> {
        for _ in 0..turns {
            push.send(payload)?;
            expect(pull.receive(|message| message.len())?, job.size)?;
        }
        Ok(())
    };
    turn(job.warmup)?;
    let started = Instant::now();
    turn(job.count)?;
    Ok(started.elapsed().as_secs_f64())
}

fn receive(pull: &Socket, job: &Job) -> Outcome<f64> {
    job.open(pull)?;
    for _ in 0..job.warmup {
        pull.receive(|message| message.len())?;
    }
    let started = Instant::now();
    for _ in 0..job.count {
        expect(pull.receive(|message| message.len())?, job.size)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    if !pull.receive(|message| message == END)? {
        return Err("more messages came than were to be sent".into());
    }
    Ok(seconds)
}

fn send(push: &Socket, job: &Job) -> Outcome<()> {
    job.open(push)?;
    let payload = job.payload();
    for _ in 0..job.warmup + job.count {
        push.send(payload)?;
    }
    push.send(END)
}

fn request(req: &Socket, job: &Job) -> Outcome<f64> {
    job.open(req)?;
    let payload = job.payload();
    let turn = |turns: usize| -> Outcome<()> {
        for _ in 0..turns {
            req.send(payload)?;
            expect(req.receive(|message| message.len())?, job.size)?;
        }
        Ok(())
    };
    turn(job.warmup)?;
    let started = Instant::now();
    turn(job.count)?;
    Ok(started.elapsed().as_secs_f64())
}

fn reply(rep: &Socket, job: &Job) -> Outcome<()> {
    job.open(rep)?;
    let payload = job.payload();
    for _ in 0..job.warmup + job.count {
        expect(rep.receive(|message| message.len())?, job.size)?;
        rep.send(payload)?;
    }
    Ok(())
}

fn expect(size: usize, wanted: usize) -> Outcome<()> {
    if size == wanted {
        Ok(())
    } else {
        Err(format!("a message of {size} bytes came instead of {wanted}"))
    }
}

/// libzmq's C calls, each a safe function of one line: the compiler leaves nothing of it but the call.
#[allow(unsafe_code)]
mod c_api {
    use std::ffi::{c_int, c_void, CStr, CString};

    use zmq_sys as sys;

    use super::Outcome;

    pub const REQ: c_int = 3;
    pub const REP: c_int = 4;
    pub const PULL: c_int = 7;
    pub const PUSH: c_int = 8;
    const SNDHWM: c_int = 23;
    const RCVHWM: c_int = 24;

    // What is larger is lent and not copied, as a fast C program would do.
    const LENT_FROM: usize = 4096;

    pub struct Context(*mut c_void);

    pub struct Socket<'context> {
        raw: *mut c_void,
        // A socket must be closed before its context ends.
        _context: &'context Context,
    }

    fn check(rc: c_int) -> Outcome<()> {
        if rc >= 0 {
            return Ok(());
        }
        // SAFETY: libzmq answers every errno with a string that stays.
        let text = unsafe { CStr::from_ptr(sys::zmq_strerror(sys::zmq_errno())) };
        Err(text.to_string_lossy().into_owned())
    }

    impl Context {
        pub fn new() -> Outcome<Self> {
            // SAFETY: takes nothing; null is looked for.
            let raw = unsafe { sys::zmq_ctx_new() };
            if raw.is_null() {
                return Err("libzmq made no context".into());
            }
            Ok(Self(raw))
        }

        pub fn socket(&self, kind: c_int) -> Outcome<Socket<'_>> {
            // SAFETY: the context lives; null is looked for.
            let raw = unsafe { sys::zmq_socket(self.0, kind) };
            check(if raw.is_null() { -1 } else { 0 })?;
            Ok(Socket { raw, _context: self })
        }
    }

    impl Drop for Context {
        fn drop(&mut self) {
            // SAFETY: ours, ended once, after its sockets, which borrow it. It waits until all is sent.
            unsafe { sys::zmq_ctx_term(self.0) };
        }
    }

    impl Socket<'_> {
        pub fn limit(&self, hwm: c_int) -> Outcome<()> {
            for option in [SNDHWM, RCVHWM] {
                // SAFETY: the value is read during the call, and has the size that is told.
                check(unsafe { sys::zmq_setsockopt(self.raw, option, (&raw const hwm).cast(), size_of::<c_int>()) })?;
            }
            Ok(())
        }

        pub fn bind(&self, endpoint: &str) -> Outcome<()> {
            let endpoint = CString::new(endpoint).map_err(|error| error.to_string())?;
            // SAFETY: a string with a NUL at its end, read during the call.
            check(unsafe { sys::zmq_bind(self.raw, endpoint.as_ptr()) })
        }

        pub fn connect(&self, endpoint: &str) -> Outcome<()> {
            let endpoint = CString::new(endpoint).map_err(|error| error.to_string())?;
            // SAFETY: a string with a NUL at its end, read during the call.
            check(unsafe { sys::zmq_connect(self.raw, endpoint.as_ptr()) })
        }

        pub fn send(&self, data: &'static [u8]) -> Outcome<()> {
            if data.len() < LENT_FROM {
                // SAFETY: libzmq reads so many bytes during the call.
                return check(unsafe { sys::zmq_send(self.raw, data.as_ptr().cast(), data.len(), 0) });
            }
            unsafe extern "C" fn keep(_data: *mut c_void, _hint: *mut c_void) {}
            let mut message = sys::zmq_msg_t::default();
            // SAFETY: libzmq only reads the data, which is static, so that nothing needs to be freed.
            check(unsafe {
                let lent = data.as_ptr().cast_mut().cast();
                sys::zmq_msg_init_data(&mut message, lent, data.len(), Some(keep), std::ptr::null_mut())
            })?;
            // SAFETY: initialised above; it belongs to libzmq after a success, and a failure ends this program.
            check(unsafe { sys::zmq_msg_send(&mut message, self.raw, 0) })
        }

        pub fn receive<T>(&self, look: impl FnOnce(&[u8]) -> T) -> Outcome<T> {
            let mut message = sys::zmq_msg_t::default();
            // SAFETY: initialised before it is received into; the slice ends before the message is closed.
            unsafe {
                check(sys::zmq_msg_init(&mut message))?;
                check(sys::zmq_msg_recv(&mut message, self.raw, 0))?;
                let data = sys::zmq_msg_data(&mut message).cast::<u8>();
                let seen = look(std::slice::from_raw_parts(data, sys::zmq_msg_size(&message)));
                check(sys::zmq_msg_close(&mut message))?;
                Ok(seen)
            }
        }
    }

    impl Drop for Socket<'_> {
        fn drop(&mut self) {
            // SAFETY: ours, closed once, and not used afterwards.
            unsafe { sys::zmq_close(self.raw) };
        }
    }
}
