//! TERM between clone and exec is not swallowed: a fresh child that gets one ends by it, and a coordinator that gets one
//! while it starts processes stops in order (F2). What an agent inherits of masks and handlers is tried elsewhere.

use std::time::Instant;

use end_to_end::{AgentsFile, PATIENCE, Scene, let_time_pass, processes, wait_for_condition};
use nix::sys::signal::Signal;

const KILLS: usize = 500;
const COORDINATORS: u32 = 40;
const AT_ONCE: &str =
    "backoff_initial = \"0s\"\nrestarts_max = 1000000\nshort_lived_max = 1000000\n";

/// The children of the coordinator's main thread, by one small read: the window is shorter than a look at all of `/proc`.
fn children_now(coordinator: i32) -> Vec<i32> {
    let path = format!("/proc/{coordinator}/task/{coordinator}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_ascii_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

#[test]
fn a_fresh_child_ends_by_a_term_however_early_it_comes() {
    let agents = AgentsFile::new().plain("sleeper", AT_ONCE, &["/bin/sleep", "1000"]);
    let mut scene = Scene::started(&agents);
    let coordinator = scene.coordinator().pid();
    let mut before_exec = 0;
    let mut last = 0;
    let begun = Instant::now();
    for killed in 0..KILLS {
        // No pause: what matters is to be there before the child has executed its program.
        let fresh = loop {
            assert!(
                begun.elapsed() < PATIENCE,
                "after {killed} signals process {last} lives on: its TERM was swallowed: {:?}",
                processes::stat(last)
            );
            match children_now(coordinator).first() {
                Some(pid) if *pid != last => break *pid,
                _ => std::hint::spin_loop(),
            }
        };
        processes::signal(fresh, Signal::SIGTERM);
        let name = std::fs::read_to_string(format!("/proc/{fresh}/comm")).unwrap_or_default();
        before_exec += usize::from(name.trim_end() == "coordinator");
        last = fresh;
    }
    println!("{before_exec} of {KILLS} signals came before exec");
    wait_for_condition("the rows of all ends", || {
        let ended = scene.database().invocations("sleeper");
        let ended: Vec<_> = ended.iter().filter(|row| row.ended_ms.is_some()).collect();
        let by_term = ended.iter().filter(|row| row.signal == Some(15)).count();
        match by_term == ended.len() && by_term >= KILLS {
            true => Ok(()),
            false => Err((by_term, ended.len())),
        }
    });
}

#[test]
fn a_coordinator_that_is_starting_processes_stops_in_order() {
    let mut crashers = AgentsFile::new();
    for number in 0..20 {
        crashers = crashers.plain(&format!("crasher-{number}"), AT_ONCE, &["/bin/false"]);
    }
    let mut scene = Scene::new(&crashers);
    for round in 0..COORDINATORS {
        scene.start();
        // Since it listens it has handlers of its own; from then on the moment differs.
        wait_for_condition("the socket", || {
            match scene.path("coordinator.sock").exists() {
                true => Ok(()),
                false => Err(()),
            }
        });
        let_time_pass(std::time::Duration::from_micros(u64::from(round) * 700));
        scene.coordinator().signal(Signal::SIGTERM);
        let ended = scene.wait_for_end();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{ended:#?}");
        assert_eq!(processes::living_with(scene.folder()), []);
    }
}
