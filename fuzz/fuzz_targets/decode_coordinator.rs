//! Any bytes as a line of the coordinator: no panic, and what was understood survives being written and read again.
//! What each message means is not judged here.
#![no_main]

use agent_protocol::{decode_coordinator, encode};
use fuzz::assert_same;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let Ok(message) = decode_coordinator(line) else {
        return;
    };
    let Ok(written) = encode(&message) else {
        return;
    };
    let read_again =
        decode_coordinator(written.trim_ascii_end()).expect("what was written is read");
    assert_same(&read_again, &message);
});
