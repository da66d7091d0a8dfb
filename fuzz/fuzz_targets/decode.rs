//! Any bytes as a line of an agent: no panic, and what was understood survives being written and read again.
//! What each message means is not judged here.
#![no_main]

use agent_protocol::{Decoded, decode, encode};
use fuzz::assert_same;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let Decoded::Message(message) = decode(line) else {
        return;
    };
    // A message may be longer when written than it was when read: escapes, defaults.
    let Ok(written) = encode(&message) else {
        return;
    };
    let Decoded::Message(read_again) = decode(written.trim_ascii_end()) else {
        panic!("what was written is not read: {message:?}");
    };
    assert_same(&read_again, &message);
});
