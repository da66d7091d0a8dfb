//! A bridge and a coordinator that are killed at any instant while a large project is read and goes on changing: at the end
//! the rows are the server's, exactly, and the roll-ups are a recount of the rows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use end_to_end::killing::Random;
use end_to_end::{
    AgentsFile, Database, Scene, let_time_pass, now_ms, processes, wait_for_condition,
    wait_for_condition_within,
};
use langsmith_test_server::{ContractServer, KEY, World, expected_row, run_id, time};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::rows::{differences, stored_runs};

const RUNS: usize = 50_000;
const KILLS: usize = 200;
const HOUR_MS: i64 = 3_600_000;

/// Minutes where nothing else runs; many times that beside compilers. It ends a test that hangs and says nothing of speed.
const COMPLETE_WITHIN: Duration = Duration::from_secs(900);

/// Traces of three runs that are open when the bridge first sees them.
const OPEN_TRACES: u64 = 400;

/// Everything that a bridge waits for is short, so that a minute holds what else takes days.
const CONFIG: &str = r#"restarts_max = 1000000
short_lived_max = 1000000
backoff_initial = "10ms"
backoff_max = "50ms"
config = { poll_interval = "200ms", safety_lag = "0s", since = "3d", page_size = 250, requests_per_10s = 1000, ended_interval = "1s", feedback_interval = "1s", day_check_after = "7d" }
"#;

#[test]
fn killed_two_hundred_times_in_a_backfill_of_50000_runs_the_rows_equal_the_servers_exactly() {
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}"); // shown when the test fails
    let mut random = Random(seed);
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let server = runtime.block_on(ContractServer::start(large_world(&mut random)));
    let mut scene = Scene::new(&AgentsFile::new().program(
        "langsmith-bridge",
        &format!("pass_env = [\"LANGSMITH_*\"]\n{CONFIG}"),
        &["langsmith-bridge"],
    ));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let changes = Random(seed ^ 1);
        let changing = scope.spawn(|| change_until(&server, changes, &is_over));
        start(&mut scene, &server);
        for kill in 0..KILLS {
            let_time_pass(Duration::from_millis(random.below(400)));
            if kill % 2 == 0 {
                kill_bridge(&scene);
            } else {
                scene.kill();
                start(&mut scene, &server);
            }
        }
        is_over.store(true, Ordering::Relaxed);
        let stored: i64 = scene
            .database()
            .value("SELECT count(*) FROM trace_runs", []);
        eprintln!("{stored} runs stored by processes that were killed");
        assert!(stored > 0, "no process lived long enough to store anything");
        let changed = changing.join().expect("changes do not fail");
        assert!(changed > 50, "only {changed} changes were made meanwhile");
    });
    let expected = server.world().run_count();
    let database = scene.database();
    wait_for_condition_within("all runs to be stored and ended", COMPLETE_WITHIN, || {
        let count = |sql| {
            database
                .try_rows(sql, [], |row| row.get::<_, i64>(0))
                .map_err(|error| error.to_string())
        };
        let stored = count("SELECT count(*) FROM trace_runs")?;
        let pending = count("SELECT count(*) FROM trace_runs WHERE status = 'pending'")?;
        if stored == vec![i64::try_from(expected).expect("it fits")] && pending == [0] {
            Ok(())
        } else {
            let bridge = database
                .instance("langsmith-bridge")
                .and_then(|row| row.heartbeat);
            Err(format!(
                "{stored:?} of {expected}, {pending:?} pending, bridge: {bridge:?}"
            ))
        }
    });
    wait_for_condition_within("the rows to be the server's", COMPLETE_WITHIN, || {
        let_time_pass(Duration::from_secs(2)); // a look holds the server up
        let difference = first_difference(&server.world(), &database);
        difference.map_or(Ok(()), Err)
    });
    scene.stop();
    assert_eq!(
        first_difference(&server.world(), &database),
        None,
        "and they stay so"
    );
    for table in ["trace_minutes", "trace_hours", "trace_days"] {
        let rolled = rolled_up(&database, table);
        assert_eq!(rolled, recounted(&database), "{table}");
    }
    server.assert_contract_was_kept();
}

fn large_world(random: &mut Random) -> World {
    let mut world = World::with_runs(RUNS, now_ms(), 60 * HOUR_MS);
    world.is_strict = false; // keeping every request of this test would take long
    world.repeats_rows = true;
    world.fails_every = Some(29);
    for _ in 0..OPEN_TRACES {
        for n in trace(random, RUNS) {
            world.run_mut(n).ends_after_queries = u64::MAX;
        }
    }
    world
}

/// The three runs of some trace.
fn trace(random: &mut Random, runs: usize) -> std::ops::Range<usize> {
    let first = usize::try_from(random.below((runs / 3) as u64)).expect("small") * 3;
    first..first + 3
}

/// Ends open traces, adds tokens and feedback, and begins new traces, until it is over; then ends whatever is still open.
fn change_until(server: &ContractServer, mut random: Random, is_over: &AtomicBool) -> usize {
    let (mut changed, mut runs) = (0, RUNS);
    while !is_over.load(Ordering::Relaxed) {
        let_time_pass(Duration::from_millis(random.below(100)));
        let mut world = server.world();
        match random.below(3) {
            0 => {
                for n in trace(&mut random, RUNS) {
                    end_now(&mut world, n);
                    world.run_mut(n).fields["total_tokens"] = json!(1_000 + changed);
                }
            }
            1 => {
                let n = trace(&mut random, RUNS).start;
                let mut run = world.run_mut(n);
                run.fields["feedback_stats"] = json!({"score": {"n": changed, "avg": 0.25}});
                run.feedback_us = Some(now_ms() * 1_000);
            }
            _ => {
                for n in runs..runs + 3 {
                    world.add_run(n, now_ms() - 2_100);
                }
                runs += 3;
            }
        }
        changed += 1;
    }
    let mut world = server.world();
    for n in 0..RUNS {
        if world
            .run(&run_id(n))
            .is_some_and(|run| run.ends_after_queries > 0)
        {
            end_now(&mut world, n);
        }
    }
    changed
}

fn end_now(world: &mut World, n: usize) {
    let mut run = world.run_mut(n);
    run.ends_after_queries = 0;
    run.fields["end_time"] = time(now_ms()).into();
}

fn start(scene: &mut Scene, server: &ContractServer) {
    let mut command = scene.command();
    command
        .args(["--agents", "agents.toml"])
        .env("LANGSMITH_ENDPOINT", server.url())
        .env("LANGSMITH_API_KEY", KEY);
    scene.start_command(command);
}

/// Kills the bridge that lives now; whether one does is chance, as for a person's `kill`.
fn kill_bridge(scene: &Scene) {
    let bridge = wait_for_condition("a bridge that lives", || {
        let living = processes::living_with(scene.folder());
        let bridge = living
            .iter()
            .find(|process| process.name.starts_with("langsmith-bridg"));
        bridge.map(|process| process.pid).ok_or(())
    });
    processes::signal(bridge, Signal::SIGKILL);
}

/// The first run whose row is not what the server has.
fn first_difference(world: &World, database: &Database) -> Option<String> {
    let mut stored = stored_runs(database);
    for run in world.runs() {
        let Value::Object(mut expected) = expected_row(world, run) else {
            unreachable!("a row is an object");
        };
        for value in expected.values_mut() {
            if let Value::Bool(flag) = value {
                *value = i64::from(*flag).into();
            }
        }
        let id = expected["run_id"].as_str().unwrap_or_default();
        let found = stored.remove(id).unwrap_or_default();
        if found != expected {
            return Some(format!("{id}: {:?}", differences(&expected, &found)));
        }
    }
    stored
        .into_keys()
        .next()
        .map(|id| format!("{id} is not the server's"))
}

/// Runs, errors, pending, tokens by kind and cost of each series.
type Sums = BTreeMap<(String, String), [i128; 7]>;

fn rolled_up(database: &Database, table: &str) -> Sums {
    let sql = format!(
        "SELECT s.run_type, s.name, t.runs, t.errors, t.pending, t.prompt_tokens, t.completion_tokens, t.total_tokens, t.total_cost
         FROM {table} t JOIN trace_series s USING (series_no)"
    );
    sum(database, &sql)
}

fn recounted(database: &Database) -> Sums {
    sum(
        database,
        "SELECT run_type, name, 1, status = 'error', status = 'pending', prompt_tokens, completion_tokens, total_tokens, total_cost
         FROM trace_runs",
    )
}

fn sum(database: &Database, sql: &str) -> Sums {
    let mut sums = Sums::new();
    let rows = database.rows(sql, [], |row| {
        let mut figures = [0; 7];
        for (at, figure) in figures.iter_mut().take(6).enumerate() {
            *figure = row.get::<_, Option<i64>>(at + 2)?.unwrap_or(0).into();
        }
        figures[6] = row
            .get::<_, Option<String>>(8)?
            .map_or(0, |cost| units(&cost));
        Ok(((row.get(0)?, row.get(1)?), figures))
    });
    for (series, figures) in rows {
        let known = sums.entry(series).or_insert([0; 7]);
        for (known, figure) in known.iter_mut().zip(figures) {
            *known += figure;
        }
    }
    sums
}

/// An exact decimal in units of 10^-24, as many places as any cost of this test has.
fn units(decimal: &str) -> i128 {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    format!("{whole}{fraction:0<24}")
        .parse()
        .expect("a decimal without an exponent")
}
