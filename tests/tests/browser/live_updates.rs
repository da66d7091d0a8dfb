//! The fleet page shows what happens while it is open: crashes, hangs, filters, who comes first.
//! What happens to the coordinator is tested elsewhere.

use end_to_end::{AgentsFile, processes};
use nix::sys::signal::Signal;

use crate::stage::Stage;

#[test]
fn an_agent_that_is_killed_is_seen_to_come_back_without_a_reload() {
    let agents = AgentsFile::new()
        .puppet("victim", "", &["live=50ms"])
        .puppet("neighbour", "", &["live=50ms"]);
    let mut stage = Stage::started(&agents);
    let first = stage.scene.wait_for_state("victim", "RUNNING");
    stage.open_fleet(&["victim", "neighbour"]);
    stage.wait_for("row('victim').dataset.state === 'RUNNING'");
    stage.mark_page();
    let pid = first.pid.unwrap();
    assert_eq!(stage.text("row('victim').dataset.pid"), pid.to_string());
    assert_eq!(
        stage.text("row('victim').querySelector('.cell-restarts').innerText"),
        "0"
    );
    let neighbour = stage.text("row('neighbour').dataset.pid");

    processes::signal(pid, Signal::SIGKILL);

    stage.wait_for("row('victim').querySelector('.cell-restarts').innerText === '1'");
    stage.wait_for("row('victim').dataset.state === 'RUNNING'");
    let second = stage.scene.wait_for_state("victim", "RUNNING");
    stage.wait_for(&format!(
        "row('victim').dataset.pid === '{}'",
        second.pid.unwrap()
    ));
    assert_eq!(stage.text("row('neighbour').dataset.pid"), neighbour);
    stage.check_not_reloaded();
}

#[test]
fn an_agent_that_is_frozen_is_seen_unhealthy_and_comes_back() {
    // It does not end by the watchdog's first signal, so that there is time to see it.
    let lines = "heartbeat_timeout = \"1s\"\nwatchdog_grace = \"4s\"\n";
    let agents = AgentsFile::new()
        .puppet("a-well", "", &["live=50ms"])
        .puppet("z-frozen", lines, &["ignore=ABRT", "live=50ms"]);
    let mut stage = Stage::started(&agents);
    let first = stage.scene.wait_for_state("z-frozen", "RUNNING");
    stage.open_fleet(&["a-well", "z-frozen"]);
    stage.wait_for("row('z-frozen').dataset.state === 'RUNNING'");
    stage.mark_page();
    stage.wait_for("!document.title.startsWith('(')");

    processes::signal(first.pid.unwrap(), Signal::SIGSTOP);

    stage.wait_for("row('z-frozen').dataset.state === 'UNHEALTHY'");
    // Icon, word and colour; the one that needs a look comes first, and the tab tells how many there are.
    stage.wait_for("all('#fleet tr')[0] === row('z-frozen')");
    assert_eq!(
        stage.text("row('z-frozen').querySelector('.state').innerText.trim()"),
        "UNHEALTHY"
    );
    stage.check(
        "row('z-frozen').querySelector('.state use').getAttribute('href') === '#i-unhealthy'",
    );
    stage.wait_for("document.title.startsWith('(1)') && one('#head').dataset.unwell === '1'");
    stage.wait_for("row('z-frozen').dataset.state === 'RUNNING'");
    stage.wait_for("row('z-frozen').querySelector('.cell-restarts').innerText === '1'");
    stage.wait_for("!document.title.startsWith('(')");
    stage.check_not_reloaded();
}

#[test]
fn heartbeats_are_seen_to_arrive_and_ages_tick() {
    let agents = AgentsFile::new().puppet(
        "worker",
        "",
        &[
            "heartbeat=first word",
            "wait-for=go",
            "heartbeat=second word",
            "live=50ms",
        ],
    );
    let mut stage = Stage::started(&agents);
    stage.scene.wait_for_state("worker", "RUNNING");
    stage.open_fleet(&["worker"]);
    stage.wait_for("row('worker').querySelector('.said').innerText === 'first word'");
    stage.wait_for("parseInt(row('worker').querySelector('.cell-heartbeat time').innerText) >= 2");
    stage.scene.touch("go");
    stage.wait_for("row('worker').querySelector('.cell-heartbeat time').innerText === '0 s'");
    stage.check("row('worker').querySelector('svg.bar path.good')");
}

#[test]
fn pausing_stops_the_page_and_resuming_brings_it_up_to_date() {
    let agents = AgentsFile::new().puppet("worker", "", &["live=50ms"]);
    let mut stage = Stage::started(&agents);
    let first = stage.scene.wait_for_state("worker", "RUNNING");
    stage.open_fleet(&["worker"]);
    stage.wait_for("row('worker').dataset.state === 'RUNNING'");
    stage.value("one('#pause').click()");
    stage.wait_for("connection() === 'paused'");
    processes::signal(first.pid.unwrap(), Signal::SIGKILL);
    let second = stage
        .scene
        .wait_for_instance("worker", "a new process", |row| {
            row.restarts == 1 && row.state == "RUNNING"
        });
    assert_eq!(
        stage.text("row('worker').dataset.pid"),
        first.pid.unwrap().to_string()
    );
    stage.value("one('#pause').click()");
    stage.wait_for("connection() === 'live'");
    stage.wait_for(&format!(
        "row('worker').dataset.pid === '{}'",
        second.pid.unwrap()
    ));
}
