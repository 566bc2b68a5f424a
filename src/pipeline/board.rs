//! What a tally has counted so far, written down for others to see while it goes on: now and then, and only if somebody
//! has asked.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::tally::{Label, Tally};

/// How long a change may go unshown.
pub const STALE: Duration = Duration::from_millis(100);
/// How many labels are shown: those that came most often.
const MOST: usize = 32;

/// Where a tally shows its counts.
#[derive(Default)]
pub struct Board {
    watched: AtomicBool,
    shown: Mutex<Shown>,
}

/// What is written there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// By which key it counts; nothing before the first tally.
    pub key: Option<String>,
    /// How many results it has counted.
    pub total: u64,
    /// How many labels there are.
    pub labels: usize,
    /// The labels that came most often, as text, the most frequent first.
    pub counts: Vec<(String, u64)>,
}

impl Board {
    /// Asks for counts to be shown from now on.
    pub fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// Whether anybody has asked.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Shows what a tally has counted, if anybody has asked.
    pub fn show(&self, tally: &Tally) {
        if !self.is_watched() {
            return;
        }
        let mut order: Vec<usize> = (0..tally.counts().len()).collect();
        let rank = |&index: &usize| (Reverse(tally.counts()[index].1), index);
        if order.len() > MOST {
            order.select_nth_unstable_by_key(MOST, rank);
            order.truncate(MOST);
        }
        order.sort_unstable_by_key(rank);
        let counts = order.into_iter().map(|index| &tally.counts()[index]);
        *self.shown.lock() = Shown {
            key: Some(tally.key().to_owned()),
            total: tally.total(),
            labels: tally.counts().len(),
            counts: counts.map(|(label, count)| (text(label), *count)).collect(),
        };
    }

    /// What is shown.
    pub fn read(&self) -> Shown {
        self.shown.lock().clone()
    }
}

/// A label as a person reads it; not all of a long one.
fn text(label: &Label<'_>) -> String {
    const LONGEST: usize = 100;
    let text = match label {
        Label::Null => "null".into(),
        Label::Bool(flag) => flag.to_string().into(),
        Label::Int(number) => number.to_string().into(),
        Label::Float(number) => number.to_string().into(),
        Label::Big(text) | Label::Text(text) => Cow::Borrowed(text.as_ref()),
        Label::Surrogates(bytes) => String::from_utf8_lossy(bytes),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_labels_are_shown_to_who_has_asked() {
        let mut tally = Tally::new("who");
        for number in 0..40i64 {
            (0..=number).for_each(|_| tally.add(Label::Int(number.into())));
        }
        tally.add(Label::Null);
        tally.add(Label::Text("a".into()));
        let board = Board::default();
        board.show(&tally);
        assert_eq!(board.read(), Shown::default());
        board.watch();
        board.show(&tally);
        let shown = board.read();
        assert_eq!((shown.key.as_deref(), shown.total, shown.labels), (Some("who"), 822, 42));
        let expected: Vec<(String, u64)> = (8..40u64).rev().map(|number| (number.to_string(), number + 1)).collect();
        assert_eq!(shown.counts, expected);
    }

    #[test]
    fn labels_of_all_kinds_have_a_text() {
        let texts = [Label::Null, Label::Bool(true), Label::Float(0.5), Label::Surrogates(b"a\xed\xa0\x80"[..].into())];
        assert_eq!(texts.map(|label| text(&label)), ["null", "true", "0.5", "a\u{fffd}\u{fffd}\u{fffd}"]);
    }
}
