//! Tests of what an acknowledgement means, with a coordinator that is slow, silent, refuses or stops.
//! They do not involve a database.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::collector::{Collector, RUN, batch, command, read_answer, try_read_answer};

fn records(collector: &Collector) -> Value {
    collector.wait_for("records", |records| records["kind"] == "langsmith_run")
}

#[test]
fn nothing_is_acknowledged_before_the_coordinator_has() {
    let mut collector = Collector::supervised(&["--store-within-ms", "30000"]);
    let mut request = collector.open("POST /runs/batch", &[], &batch(&json!({})));
    let id = records(&collector)["id"].clone();
    request
        .set_read_timeout(Some(std::time::Duration::from_millis(200)))
        .unwrap();
    assert!(
        request.read(&mut [0; 1]).is_err(),
        "an answer came before the acknowledgement"
    );
    request
        .set_read_timeout(Some(crate::collector::SOON))
        .unwrap();
    collector.say(&json!({"type": "ack", "id": id}));
    assert_eq!(read_answer(&mut request).status, 202);
}

#[test]
fn a_silent_coordinator_puts_clients_off_and_the_others_are_still_answered() {
    let collector = Collector::supervised(&["--store-within-ms", "100"]);
    let answer = collector.ask("POST /runs/batch", &[], &batch(&json!({})));
    assert_eq!(
        (answer.status, answer.retry_after.as_deref()),
        (503, Some("5")),
        "{answer:?}"
    );
    assert_eq!(collector.ask("GET /info", &[], b"").status, 200);
    let beat = collector.wait_for("heartbeat", |beat| beat["status"] == "degraded");
    assert!(
        beat["message"].as_str().unwrap().contains("come again"),
        "{beat}"
    );
}

#[test]
fn what_waits_is_bounded_while_nobody_reads() {
    // Nobody reads its stdout: its own thread waits there, full of rows, and its clients still get their answer.
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut command = command(&[
        "--listen",
        &listen,
        "--store-within-ms",
        "100",
        "--in-flight-bytes-max",
        "1024",
        "--body-bytes-max",
        "200000",
    ]);
    command.env("AGENT_NAME", "trace-collector");
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"{\"type\":\"hello\",\"protocol\":1,\"agent\":\"a\",\"instance\":\"a\",\"invocation\":1}\n").unwrap();
    let address = format!("127.0.0.1:{port}");
    let until = std::time::Instant::now() + crate::collector::SOON;
    while std::net::TcpStream::connect(&address).is_err() {
        assert!(std::time::Instant::now() < until, "it does not listen");
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    let client = Client(address);
    let body = batch(
        &json!({"error": "x".repeat(16_000), "extra": {"metadata": {"k": "y".repeat(20_000)}}}),
    );
    let answers: Vec<_> = (0..30).map(|_| client.ask(&body)).collect();
    assert!(answers.iter().all(|answer| answer.0 == 503), "{answers:?}");
    assert!(
        answers
            .iter()
            .any(|answer| answer.1.contains("in_flight_bytes_max")),
        "{answers:?}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

struct Client(String);

impl Client {
    fn ask(&self, body: &[u8]) -> (u16, String) {
        let mut stream = std::net::TcpStream::connect(&self.0).unwrap();
        stream
            .set_read_timeout(Some(crate::collector::SOON))
            .unwrap();
        let head = format!(
            "POST /runs/batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
        let _ = std::io::Write::write_all(&mut stream, body);
        let answer = read_answer(&mut stream);
        (answer.status, answer.body.to_string())
    }
}

#[test]
fn a_row_that_is_refused_does_not_hold_up_the_others() {
    let mut collector = Collector::supervised(&["--store-within-ms", "30000"]);
    let other = "019b8f3c-0000-7000-8000-000000000002";
    let body = json!({"post": [
        {"id": RUN, "trace_id": RUN, "dotted_order": format!("20260105T164601068924Z{RUN}")},
        {"id": other, "trace_id": other, "dotted_order": format!("20260105T164601068924Z{other}")},
    ]});
    let mut request = collector.open("POST /runs/batch", &[], body.to_string().as_bytes());
    for _ in 0..4 {
        let message = records(&collector);
        let rows = message["rows"].as_array().unwrap();
        let has_bad_row = rows.iter().any(|row| row["run_id"] == other);
        let answer = if has_bad_row {
            json!({"type": "nack", "id": message["id"], "reason": "bad row", "retry": false})
        } else {
            json!({"type": "ack", "id": message["id"]})
        };
        collector.say(&answer);
    }
    let answer = read_answer(&mut request);
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    assert!(
        answer.status == 422
            && detail.contains(other)
            && detail.contains("bad row")
            && !detail.contains(RUN),
        "{answer:?}"
    );
}

#[test]
fn feedback_on_a_run_that_nobody_knows_is_refused_so_that_its_client_comes_again() {
    let mut collector = Collector::supervised(&["--store-within-ms", "30000"]);
    let body = json!({"run_id": RUN, "key": "good", "score": 1}).to_string();
    let mut request = collector.open("POST /feedback", &[], body.as_bytes());
    // Together with whatever else waits, then alone.
    for _ in 0..2 {
        let message =
            collector.wait_for("records", |records| records["kind"] == "langsmith_feedback");
        collector.say(&json!({"type": "nack", "id": message["id"], "reason": "run_id: not known", "retry": false}));
    }
    let answer = read_answer(&mut request);
    assert!(
        answer.status == 404
            && answer.body["detail"]
                .as_str()
                .unwrap()
                .contains("not known"),
        "{answer:?}"
    );
}

#[test]
fn a_stop_finishes_what_is_being_stored_and_refuses_what_is_new() {
    let mut collector = Collector::supervised(&["--store-within-ms", "30000"]);
    let mut request = collector.open("POST /runs/batch", &[], &batch(&json!({})));
    let id = records(&collector)["id"].clone();
    collector.signal_stop();
    let until = std::time::Instant::now() + crate::collector::SOON;
    // The stop is seen by a thread of its own; from then on nothing new is taken: refused, or not even connected.
    while std::net::TcpStream::connect(&collector.address).is_ok() {
        let Ok(mut stream) = collector.try_open("POST /runs/batch", &[], b"{}") else {
            break;
        };
        if try_read_answer(&mut stream).is_none_or(|answer| answer.status == 503) {
            break;
        }
        assert!(std::time::Instant::now() < until, "it goes on");
    }
    collector.say(&json!({"type": "ack", "id": id}));
    assert_eq!(read_answer(&mut request).status, 202);
    // The freshness of the project is the last that it says.
    let freshness = collector.wait_for("records", |records| records["kind"] == "langsmith_project");
    assert_eq!(freshness["rows"][0]["source"], "local");
    collector.say(&json!({"type": "ack", "id": freshness["id"]}));
    assert_eq!(collector.wait_for_end(), Some(0));
}
