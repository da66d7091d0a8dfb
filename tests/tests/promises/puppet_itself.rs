//! The puppet does what it is asked, as every other test relies on it.
//! No coordinator takes part.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use end_to_end::{processes, program, wait_for_condition};

fn puppet(actions: &[&str]) -> Output {
    Command::new(program("puppet"))
        .args(actions)
        .stdin(Stdio::null())
        .output()
        .expect("the puppet starts")
}

fn stdout(actions: &[&str]) -> String {
    String::from_utf8(puppet(actions).stdout).expect("it is UTF-8")
}

#[test]
fn it_writes_messages_and_bytes_as_asked() {
    let text = stdout(&[
        "hello=p",
        "heartbeat=well",
        "beat=2/1ms",
        "put=a:{\"b\":1}",
        "print=x",
    ]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], r#"{"type":"hello","protocol":1,"name":"p"}"#);
    assert_eq!(
        lines[1],
        r#"{"type":"heartbeat","seq":1,"status":"ok","message":"well"}"#
    );
    assert_eq!(lines[3], r#"{"type":"heartbeat","seq":3,"status":"ok"}"#);
    assert_eq!(lines[4], r#"{"type":"put","key":"a","value":{"b":1}}"#);
    assert_eq!(lines[5..], ["x"]);
    assert_eq!(
        puppet(&["raw=a\\xff\\x00\\n", "raw=b"]).stdout,
        b"a\xff\0\nb"
    );
    assert_eq!(puppet(&["long-line=1000000"]).stdout.len(), 1_000_001);
    assert_eq!(stdout(&["lines=3"]), "line 1\nline 2\nline 3\n");
}

#[test]
fn it_ends_as_asked() {
    assert_eq!(puppet(&["exit=7", "print=never"]).status.code(), Some(7));
    assert_eq!(puppet(&["crash"]).status.signal(), Some(6));
    assert_eq!(puppet(&["raise=KILL"]).status.signal(), Some(9));
    assert_eq!(
        puppet(&["ignore=TERM", "raise=TERM", "exit=3"])
            .status
            .code(),
        Some(3)
    );
    assert_eq!(puppet(&["close-stdout", "exit=4"]).status.code(), Some(4));
    assert_eq!(puppet(&["nonsense"]).status.code(), Some(2));
}

#[test]
fn once_is_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("done");
    let once = format!("once={}", file.display());
    assert_eq!(puppet(&[&once, "exit=3", "exit=0"]).status.code(), Some(3));
    assert_eq!(puppet(&[&once, "exit=3", "exit=0"]).status.code(), Some(0));
}

#[test]
fn it_hears_stop_and_answers() {
    let mut child = Command::new(program("puppet"))
        .args(["await-ack=7", "print=acked", "live=10ms"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"{\"type\":\"ack\",\"id\":7}\n{\"type\":\"stop\",\"grace_ms\":1000}\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("acked\n{\"type\":\"heartbeat\""));
}

#[test]
fn its_child_outlives_it_in_the_group_or_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    for (action, shares_group) in [("child", true), ("leave", false)] {
        let file = folder.path().join(action);
        let child = Command::new(program("puppet"))
            .arg(format!("{action}={}", file.display()))
            .arg(format!("wait-for={}", file.display()))
            .spawn()
            .unwrap();
        let puppet = i32::try_from(child.id()).unwrap();
        let group = processes::stat(puppet).unwrap().group;
        child.wait_with_output().unwrap();
        let pid: i32 = wait_for_condition("the pid of the child", || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            text.trim().parse().map_err(|_| text)
        });
        let stat = processes::stat(pid).expect("it outlives its parent");
        processes::signal(pid, nix::sys::signal::Signal::SIGKILL);
        assert_eq!(stat.group == group, shares_group, "{stat:?}");
    }
}

#[test]
fn its_report_tells_descriptors_and_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report");
    let output = Command::new(program("puppet"))
        .arg(format!("report={}", file.display()))
        .env("A_VARIABLE", "its value")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(report["environment"]["A_VARIABLE"], "its value");
    assert_eq!(report["descriptors"]["0"], "/dev/null");
    assert!(report["signals"]["SigBlk"].is_string(), "{report}");
}
