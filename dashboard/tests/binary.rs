//! The binary itself: what it prints, what it is told by, and how it ends.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than anything should take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Killed if a test fails half-way.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dashboard"));
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in [
        "SHARED_STATE_SQLITE",
        "DASHBOARD_LISTEN",
        "DASHBOARD_ALLOW_HOST",
        "DASHBOARD_TOKEN_FILE",
        "NOTIFY_SOCKET",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "it did not end");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn end(child: &mut Child, signal: Signal) -> (ExitStatus, String) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    let status = wait(child);
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    (status, log)
}

#[test]
fn it_prints_one_line_serves_and_ends_in_order() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running(
            command(folder.path())
                .args(["--listen", "127.0.0.1:0"])
                .spawn()
                .unwrap(),
        );
        let mut stdout = BufReader::new(running.0.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening on http://")
            .unwrap()
            .trim_end_matches("/\n");
        let mut connection = std::net::TcpStream::connect(address).unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut connection, request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let (status, log) = end(&mut running.0, signal);
        assert_eq!(status.code(), Some(0), "{log}");
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "one line only");
        assert!(log.contains("ending"), "{log}");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "it makes no files"
        );
    }
}

#[test]
fn settings_come_from_flags_then_environment_then_dotenv() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join(".env"),
        "SHARED_STATE_SQLITE=dotenv.db\nDASHBOARD_LISTEN=127.0.0.1:0\n",
    )
    .unwrap();
    for (set, named) in [
        (None, "dotenv.db"),
        (Some(""), "dotenv.db"),
        (Some("set.db"), "set.db"),
    ] {
        let mut command = command(folder.path());
        if let Some(set) = set {
            command.env("SHARED_STATE_SQLITE", set);
        }
        let mut running = Running(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(
            line.starts_with("listening on http://127.0.0.1:") && !line.contains(":8420"),
            "{line}"
        );
        let (_, log) = end(&mut running.0, Signal::SIGTERM);
        assert!(log.contains(named), "{log}");
    }
}

#[test]
fn settings_that_cannot_be_used_end_it_with_2_and_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (["--listen", "0.0.0.0:0"], "--token-file"),
        (["--listen", "here"], "expected an IP address and a port"),
        (["--token-file", "missing"], "missing"),
    ] {
        let mut running = Running(command(folder.path()).args(arguments).spawn().unwrap());
        let status = wait(&mut running.0);
        let mut log = String::new();
        running
            .0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        assert_eq!(status.code(), Some(2), "{log}");
        assert!(log.contains(expected), "{log}");
    }
}

#[test]
fn a_taken_address_ends_it_with_1_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut running = Running(
        command(folder.path())
            .args(["--listen", &address])
            .spawn()
            .unwrap(),
    );
    let status = wait(&mut running.0);
    let mut log = String::new();
    running
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains(&address) && log.contains("another dashboard"),
        "{log}"
    );
}

#[test]
fn the_service_manager_is_told_of_readiness_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = command(folder.path());
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "300000")
        .args(["--listen", "127.0.0.1:0"]);
    let mut running = Running(command.spawn().unwrap());
    let wait_for = |expected: &str| {
        let mut buffer = [0; 256];
        loop {
            let bytes = socket
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("no {expected}: {error}"));
            if String::from_utf8_lossy(&buffer[..bytes]).contains(expected) {
                return;
            }
        }
    };
    wait_for("READY=1");
    wait_for("WATCHDOG=1");
    let pid = Pid::from_raw(i32::try_from(running.0.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    wait_for("STOPPING=1");
    assert_eq!(wait(&mut running.0).code(), Some(0));
}
