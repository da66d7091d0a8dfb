//! Single values as LangSmith's API writes them, for every program that reads them: what comes from LangSmith itself and what
//! is sent by its SDK reads the same. It knows no run and asks nobody.
//!
//! # Layout
//! * `decimal`: amounts of money, exact. `count`: numbers of tokens. `time`: microseconds since 1970. `id`: UUIDs.
//! * `sizes`: what is done with a value that is too large for a row.

mod count;
mod decimal;
mod id;
mod sizes;
mod time;

pub use count::read_count;
pub use decimal::{plain_decimal, read_cost};
pub use id::is_uuid;
pub use sizes::{cut, json_bytes, omitted};
pub use time::{format_us, parse_us};
