//! What the page says while the coordinator, the dashboard or the database is away, and that it recovers by itself.
//! It restarts no browser and reloads no page.

use end_to_end::{AgentsFile, Scene};

use crate::stage::Stage;

fn agents() -> AgentsFile {
    AgentsFile::new().puppet("worker", "", &["live=50ms"])
}

#[test]
fn a_stopped_coordinator_is_told_and_its_return_seen() {
    let mut stage = Stage::started(&agents());
    stage.scene.wait_for_state("worker", "RUNNING");
    stage.open_fleet(&["worker"]);
    stage.wait_for("row('worker').dataset.state === 'RUNNING'");
    stage.mark_page();
    stage.check("banner() === 'none' && !shown(one('#banner'))");

    stage.scene.stop();

    stage.wait_for("banner() === 'down' && shown(one('#banner'))");
    stage.wait_for("connection() === 'stale' && one('#connection').innerText === 'stale'");
    let words = stage.text("one('#banner').innerText");
    assert!(words.contains("The coordinator is down"), "{words}");
    assert!(
        words.contains("coordinator --agents"),
        "it says what to do: {words}"
    );
    stage.wait_for("row('worker').dataset.state === 'STOPPED'");
    // What is there stays readable: other pages load and say the same.
    stage.open_agent_while_stale("worker");
    stage.open("/");
    stage.wait_for("banner() === 'down' && row('worker')");
    stage.mark_page();

    stage.scene.start();

    stage.wait_for("banner() === 'none' && connection() === 'live'");
    stage.wait_for("row('worker').dataset.state === 'RUNNING'");
    stage.check_not_reloaded();
}

#[test]
fn a_killed_coordinator_is_told_once_its_sign_of_life_is_old() {
    let mut stage = Stage::started(&agents());
    stage.scene.wait_for_state("worker", "RUNNING");
    stage.open_fleet(&["worker"]);
    stage.mark_page();
    stage.scene.kill();
    stage.wait_for("banner() === 'down' && connection() === 'stale'");
    stage.scene.start();
    stage.wait_for("banner() === 'none' && connection() === 'live'");
    stage.wait_for("row('worker').dataset.state === 'RUNNING'");
    stage.check_not_reloaded();
}

#[test]
fn a_page_opened_before_there_is_a_database_says_what_to_do_and_fills_by_itself() {
    let mut stage = Stage::on(Scene::new(&agents()));
    stage.open("/");
    stage.wait_for("banner() === 'waiting' && connection() === 'stale'");
    let words = stage.text("document.body.innerText");
    assert!(words.contains("coordinator"), "it says what to do: {words}");
    stage.check("shown(one('#empty')) && one('#empty').innerText.includes('fills by itself')");
    stage.mark_page();

    stage.scene.start();

    stage.wait_for_rows(&["worker"]);
    stage.wait_for("banner() === 'none' && connection() === 'live'");
    stage.wait_for("row('worker').dataset.state === 'RUNNING' && !one('#empty').innerText");
    stage.check_not_reloaded();
}

#[test]
fn a_dashboard_that_comes_back_is_found_again() {
    let mut stage = Stage::started(&agents());
    let first = stage.scene.wait_for_state("worker", "RUNNING");
    stage.open_fleet(&["worker"]);
    stage.mark_page();
    stage.kill_dashboard();
    stage.wait_for("connection() === 'reconnecting'");
    stage.check("row('worker')");
    end_to_end::processes::signal(first.pid.unwrap(), nix::sys::signal::Signal::SIGKILL);
    stage.start_dashboard_again();
    stage.wait_for("connection() === 'live'");
    stage.wait_for("row('worker').querySelector('.cell-restarts').innerText === '1'");
    stage.check_not_reloaded();
}
