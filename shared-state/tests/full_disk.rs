//! When files cannot grow nothing is lost that must not be, health says so, and writing resumes by itself.
//! A limit on the size of files stands for the full disk: it needs no file system of its own.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::process::Command;
use std::time::Duration;

use common::*;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use serde_json::json;
use shared_state::*;

const CHILD: &str = "SHARED_STATE_FULL_DISK_CHILD";

/// The limit counts for a whole process, hence a process of its own.
#[test]
fn a_full_disk_is_survived() {
    let place = place();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_whose_files_cannot_grow", "--nocapture"])
        .env(CHILD, &place.path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(place.count("SELECT count(*) FROM state"), 41);
}

#[tokio::test]
async fn child_whose_files_cannot_grow() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    // SAFETY: ignoring a signal runs no code of ours in a handler. Ignored, the limit shows as an error of `write`.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.unwrap();
    let opened = open_writer(path.as_ref(), identity(T0), WriterOptions::default()).unwrap();
    let Opened { writer, thread, .. } = opened;
    let id = register(&writer, "a").await;
    let put = |key: String| {
        Fact::Put(PutRow {
            instance_id: id,
            key,
            value: json!("x".repeat(4_000)),
            ts_ms: T0,
        })
    };
    writer.commit(put("before".into())).await.unwrap();
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, 64 << 10, hard).unwrap();
    for n in 0..40 {
        writer.record(put(format!("during/{n}")));
    }
    wait_for("health is red", || {
        let health = writer.health();
        if health.failing.is_some() && health.queue_rows == 0 {
            Ok(())
        } else {
            Err(health)
        }
    })
    .await;
    setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
    wait_for("writing resumes", || {
        let health = writer.health();
        if health.failing.is_none() && health.writing_since.is_none() {
            Ok(())
        } else {
            Err(health)
        }
    })
    .await;
    assert_eq!(writer.health().dropped_rows, 0);
    thread.join(Duration::from_secs(10)).unwrap();
}
