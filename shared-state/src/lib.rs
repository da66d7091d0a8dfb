//! The one SQLite file: written by one thread of one process, read by any number of others.

mod fact;

pub use fact::*;
