//! What a reader sees beside a writer that runs, ended in order, was killed, or was replaced.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::*;
use serde_json::json;
use shared_state::*;

async fn filled(place: &Place) -> (Opened, i64) {
    let opened = place.open();
    let id = register(&opened.writer, "a").await;
    put(&opened.writer, id, "first").await;
    (opened, id)
}

async fn put(writer: &Writer, instance_id: i64, key: &str) {
    let row = PutRow {
        instance_id,
        key: key.into(),
        value: json!(1),
        ts_ms: T0,
    };
    writer.commit(Fact::Put(row)).await.unwrap();
}

fn keys(reader: &Reader) -> usize {
    reader
        .snapshot(Duration::from_secs(1), |snapshot| {
            snapshot.state("", "", 100)
        })
        .unwrap()
        .len()
}

#[tokio::test]
async fn beside_a_running_writer_each_commit_is_seen() {
    let place = place();
    assert!(matches!(
        Reader::open(&place.path),
        Err(ReaderError::Missing)
    ));
    let (Opened { writer, thread, .. }, id) = filled(&place).await;
    let reader = Reader::open(&place.path).unwrap();
    assert_eq!((reader.mode(), keys(&reader)), (ReaderMode::Live, 1));
    let before = reader.data_version().unwrap();
    put(&writer, id, "second").await;
    assert_ne!(reader.data_version().unwrap(), before);
    assert_eq!(keys(&reader), 2);
    assert!(!reader.is_replaced());
    thread.join(Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn after_an_orderly_end_the_files_stay_and_a_reader_opens_them() {
    let place = place();
    let (Opened { thread, .. }, _) = filled(&place).await;
    thread.join(Duration::from_secs(5)).unwrap();
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(place.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names(),
        [
            "shared_state.db",
            "shared_state.db-shm",
            "shared_state.db-wal"
        ]
    );
    let reader = Reader::open(&place.path).unwrap();
    assert_eq!((reader.mode(), keys(&reader)), (ReaderMode::Live, 1));
    for name in names() {
        let mode = std::fs::metadata(place.folder.path().join(&name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o640, "{name:?}");
    }
}

#[tokio::test]
async fn without_the_files_beside_it_the_database_is_read_as_it_was_left() {
    let place = place();
    let (Opened { thread, .. }, _) = filled(&place).await;
    thread.join(Duration::from_secs(5)).unwrap();
    std::fs::remove_file(place.folder.path().join("shared_state.db-wal")).unwrap();
    std::fs::remove_file(place.folder.path().join("shared_state.db-shm")).unwrap();
    let reader = Reader::open(&place.path).unwrap();
    assert_eq!((reader.mode(), keys(&reader)), (ReaderMode::Immutable, 1));
    assert_eq!(
        std::fs::read_dir(place.folder.path()).unwrap().count(),
        1,
        "a reader makes no file"
    );
    assert!(!reader.is_replaced());
    let (Opened { thread, .. }, _) = filled(&place).await;
    assert!(reader.is_replaced(), "the coordinator is back");
    thread.join(Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn a_wal_without_its_index_is_never_read_as_if_it_were_not_there() {
    let place = place();
    let (Opened { writer, thread, .. }, _) = filled(&place).await;
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("shared_state.db");
    std::fs::copy(&place.path, &path).unwrap();
    std::fs::copy(
        place.folder.path().join("shared_state.db-wal"),
        copy.path().join("shared_state.db-wal"),
    )
    .unwrap();
    assert!(
        std::fs::metadata(copy.path().join("shared_state.db-wal"))
            .unwrap()
            .len()
            > 0
    );
    assert!(matches!(Reader::open(&path), Err(ReaderError::NotReady(_))));
    drop(writer);
    thread.join(Duration::from_secs(5)).unwrap();
}

const CHILD: &str = "SHARED_STATE_READER_TEST_CHILD";

/// Writes one key and then hangs, to be killed.
#[tokio::test]
async fn child_that_writes_and_hangs() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let opened = open_writer(path.as_ref(), identity(T0), WriterOptions::default()).unwrap();
    let id = register(&opened.writer, "a").await;
    put(&opened.writer, id, "before the kill").await;
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn after_a_kill_all_committed_rows_are_read() {
    let place = place();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_writes_and_hangs"])
        .env(CHILD, &place.path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the child's row", || {
        match Reader::open(&place.path).map(|reader| keys_or(&reader)) {
            Ok(Some(1)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    let reader = Reader::open(&place.path).unwrap();
    assert_eq!((reader.mode(), keys(&reader)), (ReaderMode::Live, 1));
}

fn keys_or(reader: &Reader) -> Option<usize> {
    reader
        .snapshot(Duration::from_secs(1), |snapshot| {
            snapshot.state("", "", 100)
        })
        .ok()
        .map(|rows| rows.len())
}

#[tokio::test]
async fn a_database_made_again_is_noticed() {
    let place = place();
    let (Opened { thread, .. }, _) = filled(&place).await;
    let reader = Reader::open(&place.path).unwrap();
    thread.join(Duration::from_secs(5)).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        std::fs::rename(
            format!("{}{suffix}", place.path.display()),
            format!("{}.old{suffix}", place.path.display()),
        )
        .unwrap();
    }
    assert!(reader.is_replaced());
    let (Opened { thread, .. }, _) = filled(&place).await;
    assert!(reader.is_replaced());
    thread.join(Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_was() {
    let place = place();
    let (Opened { thread, .. }, _) = filled(&place).await;
    thread.join(Duration::from_secs(5)).unwrap();
    let raw = place.raw();
    raw.pragma_update(None, "user_version", 99).unwrap();
    raw.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(raw);
    let before = (
        std::fs::read(&place.path).unwrap(),
        std::fs::metadata(&place.path).unwrap().mtime_nsec(),
    );
    assert!(matches!(
        Reader::open(&place.path),
        Err(ReaderError::Newer {
            found: 99,
            known: SCHEMA_VERSION
        })
    ));
    let error = open_writer(&place.path, identity(T0), WriterOptions::default()).unwrap_err();
    assert!(matches!(
        error,
        OpenError::Schema {
            source: SchemaError::Newer { found: 99, .. },
            ..
        }
    ));
    assert_eq!(
        (
            std::fs::read(&place.path).unwrap(),
            std::fs::metadata(&place.path).unwrap().mtime_nsec()
        ),
        before
    );
}

#[tokio::test]
async fn a_newer_schema_that_is_only_in_the_wal_is_refused_too() {
    let place = place();
    let (Opened { thread, .. }, _) = filled(&place).await;
    thread.join(Duration::from_secs(5)).unwrap();
    let raw = place.raw();
    raw.pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&place.path).unwrap();
    let error = open_writer(&place.path, identity(T0), WriterOptions::default()).unwrap_err();
    assert!(matches!(
        error,
        OpenError::Schema {
            source: SchemaError::Newer { found: 99, .. },
            ..
        }
    ));
    assert_eq!(std::fs::read(&place.path).unwrap(), before);
}

#[tokio::test]
async fn damaged_and_foreign_files_are_reported_and_left_as_they_were() {
    let place = place();
    let (Opened { thread, .. }, _) = filled(&place).await;
    thread.join(Duration::from_secs(5)).unwrap();
    let whole = std::fs::read(&place.path).unwrap();
    let mut damaged = whole.clone();
    damaged[4_096..]
        .iter_mut()
        .step_by(3)
        .for_each(|byte| *byte ^= 0x5a);
    let theirs = tempfile::tempdir().unwrap();
    let other = rusqlite::Connection::open(theirs.path().join("x.db")).unwrap();
    other
        .execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)")
        .unwrap();
    drop(other);
    let foreign = std::fs::read(theirs.path().join("x.db")).unwrap();
    for (what, bytes) in [("text", b"hello, not a database, but longer than one header of a hundred bytes ..................................".to_vec()),
        ("short", b"SQLite format 3\0".to_vec()), ("damaged", damaged), ("cut", whole[..whole.len() / 2].to_vec()), ("foreign", foreign)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        std::fs::write(&path, &bytes).unwrap();
        let error = open_writer(&path, identity(T0), WriterOptions::default()).map(|_| ()).unwrap_err();
        assert!(matches!(&error, OpenError::Schema { source: SchemaError::Corrupt { .. } | SchemaError::Foreign, .. }), "{what}: {error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{what} was left as it was");
    }
    assert!(matches!(
        Reader::open(theirs.path().join("x.db")),
        Err(ReaderError::Corrupt(_))
    ));
}

#[tokio::test]
async fn a_read_ends_at_its_deadline_or_when_interrupted() {
    let place = place();
    let (Opened { writer, thread, .. }, id) = filled(&place).await;
    for n in 0..3_000 {
        writer.record(Fact::Put(PutRow {
            instance_id: id,
            key: format!("{n}"),
            value: json!(n),
            ts_ms: T0,
        }));
    }
    writer.commit(Fact::Alive { ts_ms: T0 }).await.unwrap();
    let reader = Reader::open(&place.path).unwrap();
    let endless = |snapshot: &Snapshot<'_>| -> Result<(), ReaderError> {
        loop {
            snapshot.state("", "", 10_000)?;
        }
    };
    let started = Instant::now();
    assert!(matches!(
        reader.snapshot(Duration::from_millis(100), endless),
        Err(ReaderError::Deadline)
    ));
    assert!(started.elapsed() < Duration::from_secs(5));
    let handle = reader.interrupt_handle();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let interrupter = std::thread::spawn({
        let done = std::sync::Arc::clone(&done);
        move || {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                handle.interrupt();
                std::thread::yield_now();
            }
        }
    });
    let interrupted = reader.snapshot(Duration::from_secs(20), endless);
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    interrupter.join().unwrap();
    assert!(matches!(interrupted, Err(ReaderError::Deadline)));
    assert_eq!(keys(&reader), 100, "the next read is not harmed");
    thread.join(Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn a_backup_is_whole_and_needs_nothing_beside_it() {
    let place = place();
    let (Opened { writer, thread, .. }, id) = filled(&place).await;
    let to = place.folder.path().join("backup.db");
    let copied = backup(&place.path, &to).unwrap();
    assert_eq!(copied.bytes, std::fs::metadata(&to).unwrap().len());
    assert_eq!(copied.rows["state"], 1);
    put(&writer, id, "after the backup").await;
    assert!(matches!(
        backup(&place.path, &to),
        Err(BackupError::Exists(_))
    ));
    let copy = Reader::open(&to).unwrap();
    assert_eq!((copy.mode(), keys(&copy)), (ReaderMode::Immutable, 1));
    thread.join(Duration::from_secs(5)).unwrap();
    let leftovers = std::fs::read_dir(place.folder.path())
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .contains("partial")
        });
    assert_eq!(leftovers.count(), 0);
}
