//! One error for the whole core: libzmq's errno, and in words what a person should know about it.

use std::borrow::Cow;

pub use zmq_sys::errno;

/// What the core returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation did not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// libzmq refused, or would have.
    #[error("{}", describe(*errno, detail))]
    Zmq {
        /// The errno, the platform's or one of libzmq's own.
        errno: i32,
        /// The state, the endpoint, the cure: what the bare errno does not say.
        detail: Option<Box<str>>,
    },
    /// The socket or context was closed, perhaps by another thread during this very call.
    #[error("{0}")]
    Closed(Cow<'static, str>),
    /// The socket or context came here by fork(), and lives on only in the parent.
    #[error("{0}")]
    Forked(Cow<'static, str>),
    /// A signal handler raised; whoever supplied the [`crate::wait::Interrupt`] holds the exception.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// The bare error of libzmq.
    pub fn zmq(errno: i32) -> Self {
        Error::Zmq { errno, detail: None }
    }

    /// An error of libzmq with its explanation.
    pub fn explained(errno: i32, detail: impl Into<Box<str>>) -> Self {
        Error::Zmq { errno, detail: Some(detail.into()) }
    }

    /// "Not now": what a wait turns into another attempt.
    pub fn again() -> Self {
        Self::zmq(errno::EAGAIN)
    }

    /// Bad input.
    pub fn invalid(detail: impl Into<Box<str>>) -> Self {
        Self::explained(errno::EINVAL, detail)
    }

    /// A socket used after its close.
    pub fn closed() -> Self {
        Error::Closed(Cow::Borrowed("this socket is closed"))
    }

    /// A socket closed by another thread while this one waited in it.
    pub fn closed_while_waiting() -> Self {
        Error::Closed(Cow::Borrowed("this socket was closed by another thread while this call waited in it"))
    }

    /// A socket or context used in a child process.
    pub fn forked() -> Self {
        Error::Forked(Cow::Borrowed(
            "this socket or context was made before fork() and works only in the parent process; make a new Context here",
        ))
    }

    /// The errno that pyzmq would report.
    pub fn errno(&self) -> i32 {
        match self {
            Error::Zmq { errno, .. } => *errno,
            Error::Closed(_) => errno::ENOTSOCK,
            Error::Forked(_) => errno::ENOTSUP,
            Error::Interrupted => errno::EINTR,
        }
    }

    /// Whether a wait may help.
    pub fn is_again(&self) -> bool {
        matches!(self, Error::Zmq { errno, .. } if *errno == errno::EAGAIN)
    }

    /// The same error with an explanation, unless it already has one.
    pub fn or_explain(self, detail: impl FnOnce() -> String) -> Self {
        match self {
            Error::Zmq { errno, detail: None } => Error::explained(errno, detail()),
            other => other,
        }
    }
}

fn describe(errno: i32, detail: &Option<Box<str>>) -> String {
    let name = crate::ffi::strerror(errno);
    match detail {
        Some(detail) => format!("{name}: {detail}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_errno_and_the_explanation() {
        let bare = Error::zmq(errno::EAGAIN);
        assert!(bare.is_again());
        assert_eq!(bare.to_string(), "Resource temporarily unavailable");
        let full = bare.or_explain(|| "nobody is there".into());
        assert_eq!(full.to_string(), "Resource temporarily unavailable: nobody is there");
        assert_eq!(full.errno(), errno::EAGAIN);
    }

    #[test]
    fn an_explanation_is_kept_not_replaced() {
        let error = Error::invalid("first").or_explain(|| "second".into());
        assert!(error.to_string().ends_with("first"));
    }

    #[test]
    fn an_errno_that_nobody_knows_is_described_all_the_same() {
        assert!(!Error::zmq(987_654).to_string().is_empty());
    }
}
