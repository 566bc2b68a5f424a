// Faults that a model must find: each takes away or changes one thing that the protocol stands on. (Also part of build.rs.)

/// One change in one file of the core.
pub struct Mutation {
    /// Its name.
    pub id: &'static str,
    /// Where: src/FILE.rs.
    pub file: &'static str,
    /// What stands there, once.
    pub original: &'static str,
    /// What is tried in its place.
    pub mutated: &'static str,
    /// The models that must fail with it: a part of their names.
    pub found_by: &'static str,
}

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        id: "no-wake",
        file: "turns",
        original: "if waiter.want & shown != 0 || (waiter.want == ANY && (edge || news != 0)) {
                    waiter.waker.wake();
                }",
        mutated: "",
        found_by: "",
    },
];
