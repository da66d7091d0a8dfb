//! Tests of who may ask, and how much.
//! They do not test what is stored.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use crate::collector::{Collector, KEY, batch, command};

#[test]
fn only_a_client_with_the_key_may_send() {
    let mut command = command(&[]);
    command.env("TRACE_COLLECTOR_API_KEY", KEY);
    let collector = Collector::start(command, false);
    let with = |header: &str| {
        collector
            .ask("POST /runs/batch", &[header], &batch(&json!({})))
            .status
    };
    assert_eq!(with("Accept: */*"), 401);
    assert_eq!(with("x-api-key: wrong"), 401);
    assert_eq!(with(&format!("x-api-key: {KEY}0")), 401);
    assert_eq!(with(&format!("x-api-key: {KEY}")), 202);
    assert_eq!(with(&format!("Authorization: Bearer {KEY}")), 202);
    assert_eq!(
        collector.ask("GET /info", &[], b"").status,
        200,
        "anybody may ask what this is"
    );
    assert_eq!(collector.ask("PATCH /runs/info", &[], b"{}").status, 401);
}

#[test]
fn without_a_key_it_serves_this_machine_only() {
    let refused = |key: Option<&str>| {
        let mut command = command(&["--listen", "0.0.0.0:0"]);
        command.stderr(Stdio::piped()).stdin(Stdio::null());
        if let Some(key) = key {
            command.env("TRACE_COLLECTOR_API_KEY", key);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(None).contains("TRACE_COLLECTOR_API_KEY"));
    let message = refused(Some("short"));
    assert!(
        message.contains("16") && !message.contains("short"),
        "{message}"
    );
}

#[test]
fn with_a_key_it_listens_where_it_is_told_and_serves_only_who_shows_it() {
    let mut command = command(&["--listen", "0.0.0.0:0"]);
    command.env("TRACE_COLLECTOR_API_KEY", KEY);
    let mut collector = Collector::start(command, false);
    assert!(
        collector.address.starts_with("0.0.0.0:"),
        "{}",
        collector.address
    );
    collector.address = collector.address.replace("0.0.0.0", "127.0.0.1");
    let with = |headers: &[&str]| {
        collector
            .ask("POST /runs/batch", headers, &batch(&json!({})))
            .status
    };
    assert_eq!(with(&[]), 401);
    assert_eq!(with(&[&format!("x-api-key: {KEY}")]), 202);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = command(&["--listen", &address]);
    let output = command
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains(&address) && stderr.contains("port 0"),
        "{stderr}"
    );
}

#[test]
fn no_web_page_can_send_traces() {
    let collector = Collector::alone(&["--allow-host", "traces.example"]);
    let with = |headers: &[&str]| {
        collector
            .ask("POST /runs/batch", headers, &batch(&json!({})))
            .status
    };
    assert_eq!(with(&["Host: evil.example"]), 421);
    assert_eq!(with(&["Origin: https://evil.example"]), 403);
    assert_eq!(with(&["Sec-Fetch-Site: cross-site"]), 403);
    assert_eq!(with(&["Host: traces.example"]), 202);
    assert_eq!(with(&["Host: localhost:1984"]), 202);
}

#[test]
fn a_body_above_the_limit_is_refused_however_it_is_packed() {
    let collector = Collector::alone(&["--body-bytes-max", "10000", "--runs-per-request-max", "2"]);
    let large = batch(&json!({"name": "x".repeat(20_000)}));
    let ask = |headers: &[&str], body: &[u8]| collector.ask("POST /runs/batch", headers, body);
    assert_eq!(ask(&[], &large).status, 413, "by its declared length");
    let chunked = [
        format!("{:x}\r\n", large.len()).as_bytes(),
        &large,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    assert_eq!(
        ask(&["Transfer-Encoding: chunked"], &chunked).status,
        413,
        "by what came"
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&large).unwrap();
    for (encoding, small) in [
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(large.as_slice(), 19).unwrap()),
    ] {
        assert!(small.len() < 1_000);
        let answer = ask(&[&format!("Content-Encoding: {encoding}")], &small);
        assert_eq!(answer.status, 413, "by what it stands for");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("body_bytes_max"), "{encoding}: {detail}");
    }
    let three: Vec<_> = ["1", "2", "3"]
        .iter()
        .map(|n| {
            let id = format!("019b8f3c-0000-7000-8000-00000000000{n}");
            json!({"id": id, "trace_id": id, "dotted_order": format!("20260105T164601068924Z{id}")})
        })
        .collect();
    assert_eq!(
        ask(&[], json!({"post": three}).to_string().as_bytes()).status,
        413,
        "by its number of runs"
    );
}

#[test]
fn a_client_that_sends_too_often_is_slowed_down() {
    let collector = Collector::alone(&["--requests-per-10s", "2"]);
    let ask = || collector.ask("POST /runs/batch", &[], &batch(&json!({})));
    let answers: Vec<_> = (0..5).map(|_| ask()).collect();
    assert_eq!(answers[0].status, 202);
    let slowed = answers
        .iter()
        .find(|answer| answer.status == 429)
        .expect("five in a moment are more than two in 10 s");
    let seconds: u64 = slowed.retry_after.as_ref().unwrap().parse().unwrap();
    assert!((1..=5).contains(&seconds));
    assert_eq!(collector.ask("GET /info", &[], b"").status, 200);
}
