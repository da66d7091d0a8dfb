//! Pages: each is a frame, parts that change, and what holds them together.
//! They read nothing: what they show is handed to them.

pub mod agent;
pub mod fleet;
pub mod help;
pub mod lists;
pub mod log;
pub mod pieces;
pub mod row;
pub mod shell;
pub mod system;
pub mod traces;

pub use shell::problem;
