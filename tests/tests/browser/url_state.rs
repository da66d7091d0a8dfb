//! All state of a page is in its address: a link shows the same to somebody else, and a reload changes nothing.
//! What a parameter may be is tested in the dashboard's own tests.

use end_to_end::AgentsFile;

use crate::session::key;
use crate::stage::Stage;

#[test]
fn filter_search_range_and_theme_of_the_fleet_survive_a_reload() {
    let agents = AgentsFile::new()
        .puppet("a-runner", "", &["live=50ms"])
        .puppet("b-runner", "", &["live=50ms"])
        .puppet("finished", "restart = \"never\"", &["ready", "exit=0"]);
    let mut stage = Stage::started(&agents);
    for (name, state) in [
        ("a-runner", "RUNNING"),
        ("b-runner", "RUNNING"),
        ("finished", "EXITED"),
    ] {
        stage.scene.wait_for_state(name, state);
    }
    stage.open_fleet(&["a-runner", "b-runner", "finished"]);
    stage.mark_page();
    stage.wait_for("one('[data-filter=RUNNING]')");
    stage.value("one('[data-filter=RUNNING]').click()");
    stage.wait_for("all('#fleet tr').length === 2 && one('[data-filter=RUNNING]').hasAttribute('aria-current')");
    stage.value("all('#ranges a').at(-1).click()");
    stage.wait_for("all('#ranges a').at(-1).hasAttribute('aria-current')");
    stage.browser.press(['/', 'b', '-', key::TAB, 't']);
    stage.wait_for("all('#fleet tr').length === 1 && document.documentElement.dataset.theme");
    stage.check_not_reloaded();
    let state = "JSON.stringify([one('#filters [aria-current]').dataset.filter, one('#ranges [aria-current]').dataset.range,
        one('#search').value, document.documentElement.dataset.theme, all('#fleet tr').map((tr) => tr.dataset.instance)])";
    let before = stage.text(state);
    stage.browser.reload();
    stage.wait_for("connection() === 'live'");
    assert_eq!(stage.text(state), before);
    // Back undoes the steps one by one, without a reload.
    stage.mark_page();
    stage.value("history.back()");
    stage.wait_for("one('#filters [aria-current]').dataset.filter === 'RUNNING' && !location.search.includes('range=')");
    stage.check_not_reloaded();
}

#[test]
fn range_zoom_and_log_filter_of_an_agent_survive_a_reload() {
    let mut stage = Stage::started(&AgentsFile::new().puppet(
        "worker",
        "",
        &["lines=20", "elines=5", "metrics=load:1", "live=50ms"],
    ));
    stage.scene.wait_for_state("worker", "RUNNING");
    stage.open_agent("worker");
    stage.wait_for("lines().includes('err line 5')");
    stage.value("one('#spans a[data-range=\"6h\"]').click()");
    stage.wait_for(
        "one('#spans [aria-current]')?.dataset.range === '6h' && connection() === 'live'",
    );
    stage.value(
        "(one('#log-origin').value = 'err', one('#log-origin').dispatchEvent(new Event('change')))",
    );
    stage.browser.press(['/', '3', '$']);
    stage.value("(one('#log-wrap').click(), one('#log-follow').click())");
    let state = "JSON.stringify([one('#spans [aria-current]').dataset.range, one('#log-origin').value, one('#log-search').value,
        one('#log-wrap').checked, one('#log-follow').checked, all('#log-lines .line').filter(shown).map((line) => line.innerText)])";
    stage.wait_for("all('#log-lines .line').filter(shown).length === 1");
    let before = stage.text(state);
    stage.browser.reload();
    stage.wait_for("connection() === 'live'");
    stage.wait_for("all('#log-lines .line').filter(shown).length === 1");
    assert_eq!(stage.text(state), before);
}
