//! What the tests of maintenance share: a database with three instances, and running until nothing is due.

mod retention_keeps;
mod rollup_folds;
mod traces_keep;

use super::*;
use crate::Fact;

const T0: TimeMs = 1_790_000_000_000 / 3_600_000 * 3_600_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    crate::schema::migrate(&mut connection).unwrap();
    connection
        .execute_batch(
            "INSERT INTO incarnations VALUES (1, 'h', 1, 1, 'v', 0, 0, NULL, NULL);
        INSERT INTO agents VALUES (1, 'a', 'json', '[]', '{}', 0, NULL)",
        )
        .unwrap();
    for n in 1..=3 {
        connection.execute(
            "INSERT INTO instances (instance_id, agent_id, ordinal, name, goal, state, reason, since_ms)
             VALUES (?1, 1, ?1, 'a:' || ?1, 'up', 'STOPPED', '', 0)", [n]).unwrap();
    }
    connection
}

fn run_all(connection: &Connection, applier: &mut Applier, retention: &Retention, now_ms: TimeMs) {
    let mut maintenance = Maintenance::new(retention.clone(), Instant::now());
    for _ in 0..100_000 {
        if !maintenance
            .step(connection, applier, now_ms, Instant::now())
            .unwrap()
        {
            return;
        }
    }
    panic!("maintenance does not come to an end: {maintenance:?}");
}

fn apply(connection: &Connection, applier: &mut Applier, fact: Fact) {
    applier.apply(connection, &fact).unwrap();
    applier.finish_batch(connection).unwrap();
}
