//! The long part: a coordinator with all its agents and a dashboard, trouble without end, a look at the figures every minute.
//! What a look may show is judged in `report`.

use std::time::{Duration, Instant};

use end_to_end::{Scene, StatusLine, killing::Random, let_time_pass, wait_for_condition};

use crate::agents::{self, STEADY, Variant};
use crate::dashboard::Dashboard;
use crate::figures::Figures;
use crate::report::Report;
use crate::troubles::{self, Troubles};

/// Rows and logs are as many as they will ever be: retention has passed over all of them.
const WARM_UP: Duration = Duration::from_secs(6 * 60);
/// The lock of F23.
const LOCK_MS: u64 = 30_000;

pub(crate) fn live(time: Duration, mut random: Random, report: &mut Report) {
    let mut scene = Scene::started(&agents::agents(Variant::default()));
    for name in STEADY {
        scene.wait_for_state(name, "RUNNING");
    }
    let before = steady(&scene);
    let mut dashboard = Dashboard::start(&scene);
    let mut troubles = Troubles::new(Random(random.below(u64::MAX)));
    println!("{}", Figures::HEAD);
    let begin = Instant::now();
    let mut look_at = begin;
    while begin.elapsed() < time {
        if Instant::now() >= look_at {
            look_at += Duration::from_secs(60);
            look(begin, &mut scene, &mut dashboard, report);
        }
        troubles.make(&mut scene, &mut dashboard);
        let_time_pass(Duration::from_millis(random.below(1_000)));
    }
    hold_the_database(&scene, &mut troubles);
    report.locked_ms = LOCK_MS;
    look(begin, &mut scene, &mut dashboard, report);
    // The good ones have run all the time, whatever was done to the others and to the coordinator.
    let after = steady(&scene);
    report.steady_restarts = after.iter().map(|agent| agent.restarts).sum();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.pid, after.pid, "{after:?}");
    }
    report.troubles = troubles.made();
    report.warm_up_minutes = (WARM_UP.min(time / 2)).as_secs_f64() / 60.0;
    dashboard.stop();
    scene.stop();
}

fn look(begin: Instant, scene: &mut Scene, dashboard: &mut Dashboard, report: &mut Report) {
    dashboard.close_streams();
    let minute = begin.elapsed().as_secs_f64() / 60.0;
    let figures = Figures::take(minute, scene, dashboard.pid());
    println!("{figures}");
    report.figures.push(figures);
}

fn steady(scene: &Scene) -> Vec<StatusLine> {
    let mut all = troubles::status(scene);
    all.retain(|agent| STEADY.contains(&agent.name.as_str()));
    assert_eq!(all.len(), STEADY.len(), "{all:?}");
    all
}

/// For 30 seconds nothing can be written: pipes are drained and nobody is judged dead.
fn hold_the_database(scene: &Scene, troubles: &mut Troubles) {
    troubles.lock_the_database(scene, LOCK_MS);
    for agent in steady(scene) {
        assert_eq!(agent.state, "RUNNING", "{agent:?}");
        assert!(
            agent.heartbeat_age_ms.is_some_and(|age| age < 5_000),
            "{agent:?}"
        );
    }
    // What waited is written: the database is in time again.
    wait_for_condition("heartbeats are committed again", || {
        let age_ms: i64 = scene.database().value(
            "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) - max(heartbeat_id >> 20) FROM heartbeats",
            [],
        );
        if age_ms < 5_000 { Ok(()) } else { Err(age_ms) }
    });
}
