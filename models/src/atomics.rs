//! std's atomics as loom has them, which can be made in a constant: loom's own begins with its first use.

use std::sync::OnceLock;

pub use std::sync::atomic::{AtomicU64, Ordering};

/// What makes the processor of the lock's owner pass a barrier at the same time as membarrier(2) makes all others: together
/// they order memory as two fences of this kind do, one on either side.
pub fn compiler_fence(order: Ordering) {
    if !crate::mutated("no barrier for the owner") {
        loom::sync::atomic::fence(order);
    }
}

macro_rules! lazily {
    ($($name:ident: $value:ty,)*) => { $(
        #[derive(Debug)]
        pub struct $name {
            first: $value,
            swaps: bool,
            made: OnceLock<loom::sync::atomic::$name>,
        }

        impl $name {
            pub const fn new(first: $value) -> Self {
                $name { first, swaps: false, made: OnceLock::new() }
            }

            /// One that begins now, in this thread, and to which stores and swaps of different threads are made. Loom lets a
            /// swap read what was before a store that it cannot have missed (it keeps the order of changes in part only), and
            /// so a store is made as a swap, which has its place among the others.
            pub fn begun(first: $value) -> Self {
                let mut new = Self::new(first);
                new.swaps = true;
                new.made();
                new
            }

            fn made(&self) -> &loom::sync::atomic::$name {
                self.made.get_or_init(|| loom::sync::atomic::$name::new(self.first))
            }

            pub fn load(&self, order: Ordering) -> $value {
                self.made().load(order)
            }

            pub fn store(&self, value: $value, order: Ordering) {
                match self.swaps {
                    true => _ = self.made().swap(value, order),
                    false => self.made().store(value, order),
                }
            }

            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.made().swap(value, order)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(<$value>::default())
            }
        }
    )* };
}

lazily! {
    AtomicBool: bool,
    AtomicI32: i32,
    AtomicU32: u32,
    AtomicUsize: usize,
}
