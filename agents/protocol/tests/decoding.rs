//! Lines that go wrong in the ways that real agents' lines do. Round trips are in `round_trip`.

use agent_protocol::*;

fn heartbeat(line: impl AsRef<[u8]>) -> Heartbeat {
    match decode(line.as_ref()) {
        Decoded::Message(AgentMessage::Heartbeat(heartbeat)) => heartbeat,
        other => panic!("expected a heartbeat, got {other:?}"),
    }
}

fn malformed(line: impl AsRef<[u8]>) -> (String, String) {
    match decode(line.as_ref()) {
        Decoded::Malformed { kind, reason } => (kind, reason),
        other => panic!("expected a malformed line, got {other:?}"),
    }
}

#[test]
fn the_type_may_stand_anywhere_and_be_escaped() {
    assert_eq!(heartbeat(r#"{"type":"heartbeat","seq":3}"#).seq, 3);
    assert_eq!(heartbeat(r#"  { "type" : "heartbeat" , "seq":3}  "#).seq, 3);
    assert_eq!(heartbeat(r#"{"seq":3,"type":"heartbeat"}"#).seq, 3);
    assert_eq!(
        heartbeat(r#"{"seq":3,"\u0074ype":"heart\u0062eat"}"#).seq,
        3
    );
}

#[test]
fn a_byte_order_mark_and_a_carriage_return_are_no_obstacle() {
    assert_eq!(
        heartbeat("\u{feff}{\"type\":\"heartbeat\",\"seq\":3}\r").seq,
        3
    );
}

#[test]
fn lines_without_an_object_with_a_type_are_log_lines() {
    for line in [
        "",
        "\r",
        "hello",
        "[1,2]",
        "{",
        "{}",
        "{'type': 'heartbeat'}",
        r#"{"type":5}"#,
        r#"{"level":"info","msg":"started"}"#,
        r#""type""#,
        "\0\0{\"type\":\"heartbeat\"}",
    ] {
        assert_eq!(decode(line.as_bytes()), Decoded::Log, "{line:?}");
    }
}

#[test]
fn an_unknown_type_is_named_and_cut_to_a_bounded_length() {
    let kind = "future".to_owned();
    assert_eq!(
        decode(br#"{"type":"future","x":1}"#),
        Decoded::Unknown { kind }
    );
    let long = format!(r#"{{"type":"{}"}}"#, "é".repeat(10_000));
    let Decoded::Unknown { kind } = decode(long.as_bytes()) else {
        panic!("expected an unknown type")
    };
    assert_eq!(kind, "é".repeat(32));
}

#[test]
fn unknown_fields_are_ignored() {
    assert_eq!(
        heartbeat(r#"{"type":"heartbeat","seq":3,"mood":{"a":[1]}}"#).seq,
        3
    );
}

#[test]
fn null_means_absent() {
    let read = heartbeat(
        r#"{"type":"heartbeat","seq":null,"status":null,"message":null,"metrics":null,"ts_ms":null}"#,
    );
    assert_eq!(read, Heartbeat::default());
}

#[test]
fn of_equal_keys_the_last_one_counts() {
    let read = heartbeat(r#"{"type":"heartbeat","seq":1,"seq":2,"metrics":{"a":1,"a":2}}"#);
    assert_eq!((read.seq, read.metrics["a"]), (2, 2.0));
}

#[test]
fn whole_numbers_may_be_written_as_floats() {
    let read = heartbeat(r#"{"type":"heartbeat","seq":7.0,"ts_ms":1795000000123.9}"#);
    assert_eq!((read.seq, read.ts_ms), (7, Some(1_795_000_000_123)));
    assert!(
        malformed(r#"{"type":"heartbeat","seq":-1}"#)
            .1
            .contains("below zero")
    );
    assert_eq!(
        malformed(r#"{"type":"heartbeat","ts_ms":1e30}"#).0,
        "heartbeat"
    );
}

#[test]
fn what_is_no_finite_number_never_becomes_a_figure() {
    let read = heartbeat(r#"{"type":"heartbeat","metrics":{"a":null,"b":1.5}}"#);
    assert_eq!(
        read.metrics.into_iter().collect::<Vec<_>>(),
        [("b".to_owned(), 1.5)]
    );
    for figure in ["1e999", "-1e999", "NaN", "Infinity", "\"1\"", "true", "[1]"] {
        let line = format!(r#"{{"type":"heartbeat","metrics":{{"a":{figure}}}}}"#);
        assert_eq!(malformed(&line).0, "heartbeat", "{line}");
    }
}

#[test]
fn invalid_utf8_in_a_text_is_replaced() {
    let read = heartbeat(b"{\"type\":\"heartbeat\",\"seq\":3,\"message\":\"Z\xfcrich\"}");
    assert_eq!((read.seq, read.message.as_str()), (3, "Z\u{fffd}rich"));
}

#[test]
fn deep_nesting_is_refused_or_ignored_without_harm() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let kept = format!(r#"{{"type":"event","kind":"x","data":{deep}}}"#);
    assert!(malformed(kept).1.contains("recursion limit"));
    let ignored = format!(r#"{{"type":"heartbeat","unknown":{deep},"seq":3}}"#);
    assert_eq!(heartbeat(ignored).seq, 3);
    let unclosed = format!(
        r#"{{"type":"event","kind":"x","data":{}"#,
        "{\"a\":".repeat(10_000)
    );
    assert_eq!(malformed(unclosed).0, "event");
    assert_eq!(decode("{\"a\":".repeat(10_000).as_bytes()), Decoded::Log);
}

#[test]
fn a_broken_line_is_malformed_once_its_type_is_known() {
    assert_eq!(malformed(r#"{"type":"heartbeat","seq":"#).0, "heartbeat");
    assert_eq!(
        malformed(r#"{"type":"heartbeat"} {"type":"heartbeat"}"#).0,
        "heartbeat"
    );
    assert_eq!(malformed(r#"{"type":"future","seq":"#).0, "future");
    assert_eq!(decode(br#"{"seq":NaN,"type":"heartbeat"}"#), Decoded::Log);
}

#[test]
fn reasons_say_what_was_expected_and_are_bounded() {
    let (_, reason) = malformed(r#"{"type":"heartbeat","status":"fine"}"#);
    assert!(reason.contains("`ok`, `degraded`, `error`"), "{reason}");
    let long = format!(
        r#"{{"type":"heartbeat","status":"{}"}}"#,
        "x".repeat(10_000)
    );
    assert!(malformed(long).1.len() <= 256);
}

#[test]
fn keys_of_the_shared_state_have_a_length() {
    assert!(
        malformed(r#"{"type":"put","key":"","value":1}"#)
            .1
            .contains("1 to 512")
    );
    let long = format!(r#"{{"type":"delete","key":"{}"}}"#, "k".repeat(513));
    assert!(malformed(long).1.contains("513 bytes"));
}

#[test]
fn lines_from_a_coordinator_are_told_apart_as_well() {
    let ack = decode_coordinator(b"{\"type\":\"ack\",\"id\":7}\r");
    assert_eq!(ack, Ok(CoordinatorMessage::Ack(Ack { id: 7 })));
    assert_eq!(decode_coordinator(b"hello"), Err(DecodeError::NotAMessage));
    let kind = "future".to_owned();
    assert_eq!(
        decode_coordinator(br#"{"type":"future"}"#),
        Err(DecodeError::Unknown { kind })
    );
    assert!(matches!(
        decode_coordinator(br#"{"type":"ack"}"#),
        Err(DecodeError::Malformed { .. })
    ));
}

#[test]
fn a_message_over_the_limit_is_not_encoded() {
    let message = AgentMessage::Event(Event {
        kind: "x".repeat(LINE_BYTES_MAX),
        ..Event::default()
    });
    assert!(matches!(encode(&message), Err(EncodeError::TooLong { .. })));
}
