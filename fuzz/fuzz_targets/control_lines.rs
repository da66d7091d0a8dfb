//! Any bytes as a line of the control socket: no panic, and what was understood survives being written and read again.
//! What each verb does is not judged here.
#![no_main]

use coordinator::fuzzing::{read_request, read_response};
use fuzz::assert_same;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    for read in [read_request, read_response] {
        let Some(understood) = read(line) else {
            continue;
        };
        let written = serde_json::to_vec(&understood).expect("a value is JSON");
        let read_again = read(&written).expect("what was written is read");
        assert_same(&read_again, &understood);
    }
});
