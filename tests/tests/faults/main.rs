//! Faults that other supervisors failed at, against the real binaries. One module for each behaviour.
//! What is promised of the normal case is in the test binary `promises`.
