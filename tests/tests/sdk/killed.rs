//! What a client was told is on disk, whatever is killed: the collector or the coordinator, at any instant, while the SDK sends.

use std::collections::BTreeSet;
use std::time::Duration;

use end_to_end::killing::Random;
use end_to_end::{AgentsFile, Scene, let_time_pass, processes, wait_for_condition};
use nix::sys::signal::Signal;

use crate::local_traces::variables;
use crate::program::Program;
use crate::rows::stored_runs;

/// Kills, by turns of the collector and of the coordinator.
const KILLS: usize = 20;

#[test]
fn every_run_that_was_acknowledged_is_in_the_database_after_twenty_kills() {
    let seed = std::process::id().into();
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let listen = free_address();
    let patience = "restarts_max = 1000000\nshort_lived_max = 1000000\n";
    let agents = AgentsFile::new().program(
        "trace-collector",
        patience,
        &["trace-collector", "--listen", &listen],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("trace-collector", "RUNNING");
    let address = format!("http://{listen}");
    let mut program = Program::start(&scene, "sender.py", &[], &variables(&address));
    for kill in 0..KILLS {
        // Something has to be under way each time, or a kill would show nothing.
        let before = program.printed().len();
        wait_for_condition("acknowledgements since the last kill", || {
            let printed = program.printed().len();
            if printed > before {
                Ok(())
            } else {
                Err((printed, program.errors()))
            }
        });
        let_time_pass(Duration::from_millis(random.below(150)));
        if kill % 2 == 0 {
            let pid = scene
                .wait_for_instance("trace-collector", "a process", |row| row.pid.is_some())
                .pid
                .expect("it was waited for");
            processes::signal(pid, Signal::SIGKILL);
        } else {
            scene.kill();
            scene.start();
        }
    }
    scene.touch("stop");
    let printed = program.wait();
    let acknowledged = |operation: &str| -> BTreeSet<String> {
        let lines = printed.iter().filter(|line| line[0] == operation);
        lines
            .map(|line| line[1].as_str().expect("an id").to_owned())
            .collect()
    };
    let (created, updated) = (acknowledged("post"), acknowledged("patch"));
    assert!(
        created.len() > 100,
        "only {} runs were acknowledged",
        created.len()
    );
    let stored = stored_runs(&scene.database());
    let lost: Vec<_> = created
        .iter()
        .chain(&updated)
        .filter(|id| !stored.contains_key(*id))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged runs are lost",
        lost.len(),
        created.len()
    );
    let open: Vec<_> = updated
        .iter()
        .filter(|id| stored[*id]["status"] != "success" || !stored[*id].contains_key("end_us"))
        .collect();
    assert!(
        open.is_empty(),
        "{} of {} acknowledged updates are lost",
        open.len(),
        updated.len()
    );
    let nameless: Vec<_> = created
        .iter()
        .filter(|id| !stored[*id].contains_key("name"))
        .collect();
    assert!(
        nameless.is_empty(),
        "{} of {} acknowledged creations are lost",
        nameless.len(),
        created.len()
    );
    eprintln!(
        "{} runs acknowledged, {} stored",
        created.len(),
        stored.len()
    );
}

/// An address that stays the same over restarts. Between this and the collector's start another program could take it; the test would
/// then say so.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").to_string()
}
