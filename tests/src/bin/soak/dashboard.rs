//! The dashboard of the soak, and clients of it that come, read, stay and vanish.
//! What its pages show is not judged, but each has to be an answer.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use end_to_end::{Scene, processes, program, wait_for_condition};
use nix::sys::signal::Signal;

const PAGES: [&str; 6] = [
    "/",
    "/events",
    "/alerts",
    "/system",
    "/api/v1/agents",
    "/metrics",
];

/// A running dashboard. Killed when dropped.
pub(crate) struct Dashboard {
    child: Child,
    address: String,
    /// Streams that are open and not read.
    streams: Vec<TcpStream>,
}

impl Dashboard {
    pub(crate) fn start(scene: &Scene) -> Self {
        let (out, err) = (scene.path("dashboard.out"), scene.path("dashboard.err"));
        let mut command = Command::new(program("dashboard"));
        scene.prepare(&mut command);
        let child = command
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(File::create(&out).expect("the folder is writable"))
            .stderr(File::create(&err).expect("the folder is writable"))
            .spawn()
            .expect("the dashboard starts");
        let address = wait_for_condition("the dashboard listens", || {
            let said = std::fs::read_to_string(&out).unwrap_or_default();
            let address = said
                .split_once("http://")
                .and_then(|(_, rest)| rest.split_once("/\n"));
            address.map(|(address, _)| address.to_owned()).ok_or(said)
        });
        Self {
            child,
            address,
            streams: Vec::new(),
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid is positive")
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("the dashboard accepts");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("it is not zero");
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream
            .write_all(head.as_bytes())
            .expect("the dashboard reads");
        stream
    }

    /// One page, which has to be an answer.
    pub(crate) fn read_page(&self, number: u64) {
        let path = PAGES[usize::try_from(number).unwrap_or_default() % PAGES.len()];
        let mut answer = Vec::new();
        self.ask(path)
            .read_to_end(&mut answer)
            .expect("the dashboard answers");
        let text = String::from_utf8_lossy(&answer);
        assert!(
            text.starts_with("HTTP/1.1 200"),
            "{path}: {}",
            text.lines().next().unwrap_or_default()
        );
    }

    /// A browser that stays and does not read, and vanishes when there are some.
    pub(crate) fn open_stream(&mut self) {
        if self.streams.len() >= 10 {
            self.streams.clear();
        }
        let stream = self.ask("/events/fleet");
        self.streams.push(stream);
    }

    pub(crate) fn close_streams(&mut self) {
        self.streams.clear();
    }

    /// Asks it to end, which it has to do in order.
    pub(crate) fn stop(mut self) {
        processes::signal(self.pid(), Signal::SIGTERM);
        let ended = wait_for_condition("the end of the dashboard", || {
            let ended = self.child.try_wait().expect("a child can be waited for");
            ended.ok_or("it is still there")
        });
        assert!(ended.success(), "the dashboard ended with {ended}");
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
