//! Many tabs: a browser opens six connections to one server, and a stream that a hidden tab held would be one of them.
//! It counts the streams by what the dashboard says of itself.

use end_to_end::{AgentsFile, wait_for_condition};

use crate::stage::Stage;

fn open_streams(stage: &Stage) -> i64 {
    let system: serde_json::Value =
        serde_json::from_str(&stage.get("/api/v1/system")).expect("the API answers JSON");
    let count = system
        .pointer("/dashboard/streams")
        .and_then(serde_json::Value::as_i64);
    count.unwrap_or_else(|| panic!("the dashboard tells its streams: {system:#}"))
}

#[test]
fn eight_tabs_do_not_block_and_only_the_one_in_front_holds_a_stream() {
    let mut stage = Stage::started(&AgentsFile::new().puppet("worker", "", &["live=50ms"]));
    stage.scene.wait_for_state("worker", "RUNNING");
    stage.open_fleet(&["worker"]);
    let first = stage.browser.tab();
    for _ in 0..7 {
        stage.browser.open_tab();
        stage.open_fleet(&["worker"]);
    }
    wait_for_condition("one stream", || match open_streams(&stage) {
        1 => Ok(()),
        count => Err(count),
    });
    // The first tab was hidden while this happened, and shows it once it is in front again.
    let pid = stage.scene.instance("worker").pid.unwrap();
    end_to_end::processes::signal(pid, nix::sys::signal::Signal::SIGKILL);
    stage.wait_for("row('worker').querySelector('.cell-restarts').innerText === '1'");
    stage.browser.show_tab(&first);
    stage.wait_for("document.visibilityState === 'visible' && connection() === 'live'");
    stage.wait_for("row('worker').querySelector('.cell-restarts').innerText === '1'");
    wait_for_condition("one stream", || match open_streams(&stage) {
        1 => Ok(()),
        count => Err(count),
    });
}
