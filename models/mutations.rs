// Faults that a model must find: each takes away or changes one thing that the protocol stands on. (Also part of build.rs.)

/// One change in one file of the core.
pub struct Mutation {
    /// What is wrong with it.
    pub id: &'static str,
    /// Where: src/FILE.rs; none if it is in the barriers, which are this crate's.
    pub file: &'static str,
    /// What stands there, once.
    pub original: &'static str,
    /// What is tried in its place.
    pub mutated: &'static str,
    /// Which models have to fail with it, at least one of them: those whose names contain this.
    pub found_by: &'static str,
}

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        id: "who waits is not woken",
        file: "turns",
        original: "if waiter.want & shown != 0 || (waiter.want == ANY && (edge || news != 0)) {
                waiter.waker.wake();
            }",
        mutated: "",
        found_by: "two receive",
    },
    Mutation {
        id: "no other try after the look that tells others",
        file: "turns",
        original: "done.as_ref().is_err_and(Error::is_again) && told? & want != 0",
        mutated: "false",
        found_by: "one waits for room that does not come",
    },
    Mutation {
        id: "all who wait are not woken",
        file: "turns",
        original: "for waiter in &self.waiters {
            waiter.waker.wake();
        }",
        mutated: "",
        found_by: "a context that ends",
    },
    Mutation {
        id: "a close wakes nobody",
        file: "closing",
        original: "state.wake_all();",
        mutated: "",
        found_by: "a close",
    },
    Mutation {
        id: "a poll remembers what it saw before it told others",
        file: "poller",
        original: "return Ok((events, true));",
        mutated: "state.known = Some(events); return Ok((events, true));",
        found_by: "a poll of two",
    },
    Mutation {
        id: "who waits for an event does not look first",
        file: "event",
        original: "if self.is_set() {
                    return Ok(());
                }",
        mutated: "",
        found_by: "an event that",
    },
    Mutation {
        id: "an end is not told that nothing is under way",
        file: "underway",
        original: "self.0.none.notify_all();",
        mutated: "",
        found_by: "an end that waits",
    },
    Mutation {
        id: "an owner takes back by a look what another waits for",
        file: "lock",
        original: "last == this_thread()",
        mutated: "false",
        found_by: "its owner looks",
    },
    Mutation {
        id: "an owner that is inside is not waited for",
        file: "lock",
        original: "rounds += 1;",
        mutated: "break;",
        found_by: "a lock",
    },
    Mutation {
        id: "what an owner did is not seen",
        file: "lock",
        original: "self.flag.load(Ordering::Acquire)",
        mutated: "self.flag.load(Ordering::Relaxed)",
        found_by: "a lock",
    },
    Mutation {
        id: "an owner overtakes who gave the right back",
        file: "lock",
        original: "self.owner.load(Ordering::Acquire)",
        mutated: "self.owner.load(Ordering::Relaxed)",
        found_by: "a lock",
    },
    Mutation { id: "no barrier for the owner", file: "", original: "", mutated: "", found_by: "a lock" },
    Mutation { id: "no barrier for all others", file: "", original: "", mutated: "", found_by: "a lock" },
];
