//! Decides what happens to one instance of an agent: when a process is started, signalled, started again or given up.
//! It has no clock, no random numbers and does no I/O: time and the outside world enter as arguments, actions leave as values.
//!
//! # Layout
//!
//! - [`Policy`]: what the operator configured.
//! - [`Event`], [`Effect`]: what goes in, what comes out.
//! - [`Goal`], [`Phase`]: what is wanted, what is true.
//! - `budget`: how often and how soon it may be started again.
//! - [`Lifecycle`]: the machine itself, `step` and `deadline`.

mod budget;
mod event;
mod machine;
mod phase;
mod policy;

pub use budget::Budget;
pub use event::{Cause, Effect, Event, Left, Start, StartKind};
pub use machine::{Lifecycle, Parts};
pub use phase::{Goal, Hang, Phase, Surrender, Why};
pub use policy::{MaxAge, Overlap, Policy, Readiness, Restart};
