//! What must hold at the end of every test, whatever it did. Each invariant is a function named as a sentence.
//! It does not know any test.

use std::path::Path;

use crate::{Database, processes, wait_for_condition, wait_for_condition_within};

/// Checks the database after the coordinator has ended in order.
pub(crate) fn check_database(database: &Database) {
    the_database_is_whole(database);
    the_end_of_an_invocation_is_told_completely(database);
    no_invocation_overlaps_another_of_its_instance(database);
}

fn the_database_is_whole(database: &Database) {
    let verdict: String = database.value("PRAGMA quick_check", []);
    assert_eq!(verdict, "ok");
    let orphans = database.rows("PRAGMA foreign_key_check", [], |row| {
        row.get::<_, String>(0)
    });
    assert!(
        orphans.is_empty(),
        "rows without what they name: {orphans:?}"
    );
}

fn the_end_of_an_invocation_is_told_completely(database: &Database) {
    let incomplete: i64 = database.value(
        "SELECT count(*) FROM invocations WHERE ended_ms IS NOT NULL AND (outcome IS NULL OR reason IS NULL)",
        [],
    );
    assert_eq!(
        incomplete, 0,
        "invocations ended without an outcome and a reason"
    );
}

fn no_invocation_overlaps_another_of_its_instance(database: &Database) {
    let overlaps = database.rows(
        "SELECT a.invocation_id, b.invocation_id FROM invocations a JOIN invocations b
         ON a.instance_id = b.instance_id AND a.invocation_id < b.invocation_id
         WHERE a.ended_ms IS NULL OR a.ended_ms > b.started_ms",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    );
    assert!(overlaps.is_empty(), "invocations overlap: {overlaps:?}");
}

/// What agents and coordinator said could be stored.
pub(crate) fn no_row_was_refused(database: &Database) {
    let refused = database.rows(
        "SELECT instance_id, value FROM counters WHERE name = 'rows_refused'",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    );
    assert!(
        refused.is_empty(),
        "rows that could not be stored: {refused:?}"
    );
}

/// After an orderly end nothing is open.
pub(crate) fn no_invocation_is_open(database: &Database) {
    let open: i64 = database.value(
        "SELECT count(*) FROM invocations WHERE ended_ms IS NULL",
        [],
    );
    assert_eq!(open, 0, "invocations still open after an orderly end");
    let alive: i64 = database.value("SELECT count(*) FROM instances WHERE pid IS NOT NULL", []);
    assert_eq!(alive, 0, "instances with a process after an orderly end");
}

/// While a coordinator runs, every dead child is reaped soon.
pub(crate) fn no_zombie_stays(coordinator: i32) {
    wait_for_condition("every dead child is reaped", || {
        let mut children = processes::children(coordinator);
        children.retain(|child| child.state == 'Z');
        if children.is_empty() {
            Ok(())
        } else {
            Err(children)
        }
    });
}

/// No process of the test lives on. The kernel ends children of a killed coordinator, which takes a moment.
pub(crate) fn no_process_is_left(folder: &Path, timeout: std::time::Duration) {
    wait_for_condition_within("no process is left", timeout, || {
        let left = processes::living_with(folder);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}
