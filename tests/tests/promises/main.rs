//! What a user is promised, against the real binaries. One module for each promise.
//! What happens when things go wrong is in the test binary `faults`.

mod puppet_itself;
