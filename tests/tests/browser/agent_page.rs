//! The page of one agent: charts with points, invocations with their end in words, events, the log's tail; all live.
//! How charts look is not judged.

use end_to_end::{AgentsFile, processes};
use nix::sys::signal::Signal;

use crate::session::key;
use crate::stage::Stage;

/// Two ends of different kinds, then a life with figures, lines on both streams and more of them once a file is there.
const LIFE: [&str; 17] = [
    "once=first",
    "exit=7",
    "once=second",
    "crash",
    "print=a line for stdout",
    "eprint=a line for stderr",
    "ready",
    "metrics=queue_length:3",
    "event=batch_done:a batch is done",
    "heartbeat=working",
    "wait=1200ms",
    "metrics=queue_length:5",
    "once=third",
    "wait-for=go",
    "metrics=queue_length:42",
    "print=a later line",
    "live=50ms",
];

#[test]
fn the_page_of_an_agent_shows_its_charts_invocations_events_and_log_live() {
    let mut stage = Stage::started(&AgentsFile::new().puppet("worker", "", &LIFE));
    stage
        .scene
        .wait_for_instance("worker", "its third life", |row| {
            row.state == "RUNNING" && row.restarts == 2
        });
    stage.open_agent("worker");
    stage.mark_page();
    stage.wait_for("one('#agent').dataset.state === 'RUNNING'");
    assert_eq!(stage.text("one('h1').innerText"), "worker");

    let ends = "all('#invocations tr').map((tr) => tr.cells[2].innerText)";
    let words = stage.value(ends);
    assert_eq!(words[0], "running", "{words}");
    assert!(words[1].as_str().unwrap().contains("SIGABRT"), "{words}");
    assert_eq!(words[2], "exit code 7", "{words}");
    stage.wait_for("all('#events tr').some((tr) => tr.innerText.includes('a batch is done'))");
    stage.wait_for(
        "lines().includes('out a line for stdout') && lines().includes('err a line for stderr')",
    );
    let curve =
        "one('#charts figure[data-name=queue_length] .curve')?.getAttribute('d').length > 5";
    stage.wait_for(curve);
    stage.wait_for("one('#charts figure[data-name=queue_length] .chart-value').innerText === '5'");

    stage.scene.touch("go");
    stage.wait_for("lines().includes('out a later line')");
    stage.wait_for("one('#charts figure[data-name=queue_length] .chart-value').innerText === '42'");

    let pid = stage.scene.instance("worker").pid.unwrap();
    processes::signal(pid, Signal::SIGKILL);
    stage.wait_for("all('#invocations tr').length === 4 && all('#invocations tr')[1].cells[2].innerText.includes('SIGKILL')");
    stage.wait_for("all('#events tr').some((tr) => tr.innerText.includes('SIGKILL'))");
    stage.wait_for("lines().filter((line) => line === 'err a line for stderr').length === 2");
    stage.wait_for("all('.tile').some((tile) => tile.dataset.tile === 'restarts' && tile.innerText.includes('3'))");
    stage.check_not_reloaded();
}

#[test]
fn a_chart_tells_its_values_to_the_keyboard_and_as_a_table() {
    let actions = [
        "ready",
        "metrics=queue_length:3",
        "wait=3500ms",
        "metrics=queue_length:5",
        "live=50ms",
    ];
    let mut stage = Stage::started(&AgentsFile::new().puppet("worker", "", &actions));
    stage.scene.wait_for_state("worker", "RUNNING");
    let id = stage.scene.instance("worker").instance_id;
    // In the shortest range a column is three seconds wide and the chart is drawn anew as often.
    stage.open(&format!("/agents/{id}?range=15m"));
    stage.wait_for("one('#charts .chart-value')?.innerText === '5'");
    stage.value("one('#charts svg').focus()");
    stage.browser.press([key::ARROW_LEFT]);
    stage.wait_for("one('#chart-said').innerText.endsWith('· 5') && one('#charts .cursor')");
    // While it is drawn anew the focus stays, and with it the place of the reader.
    let curve = "one('#charts .curve').getAttribute('d')";
    let before = stage.text(curve);
    stage.wait_for(&format!("{curve} !== '{before}'"));
    stage.check("document.activeElement.matches('#charts svg') && one('#charts .cursor')");
    stage.browser.press([key::ARROW_LEFT]);
    stage.wait_for("one('#chart-said').innerText.endsWith('· 3')");
    stage.value("one('#charts summary').click()");
    stage.wait_for("all('#charts tbody tr').length >= 2");
    let table = stage.text("one('#charts table').innerText");
    assert!(
        table.contains("Time") && table.contains('5') && table.contains('3'),
        "{table}"
    );
}

#[test]
fn the_log_is_filtered_by_stream_and_by_expression_and_keeps_still_while_not_followed() {
    let actions = [
        "ready",
        "lines=300",
        // Two pipes have no common order.
        "wait=500ms",
        "elines=20",
        "wait-for=go",
        "print=the newest",
        "live=50ms",
    ];
    let mut stage = Stage::started(&AgentsFile::new().puppet("worker", "", &actions));
    stage.scene.wait_for_state("worker", "RUNNING");
    stage.open_agent("worker");
    let shown = "all('#log-lines .line').filter(shown).length";
    stage.wait_for("lines().includes('err line 20')");
    // The end is in view while the log is followed.
    stage.wait_for("one('#log-lines').scrollTop + one('#log-lines').clientHeight > one('#log-lines').scrollHeight - 24");
    stage.value(
        "(one('#log-origin').value = 'err', one('#log-origin').dispatchEvent(new Event('change')))",
    );
    assert_eq!(stage.number(shown), 20.0);
    stage.value("one('#log-search').focus()");
    stage.browser.press("line 1[0-3]$".chars());
    stage.wait_for(&format!("{shown} === 4"));
    stage.browser.press([key::ESCAPE]);
    stage.value(
        "(one('#log-origin').value = '', one('#log-origin').dispatchEvent(new Event('change')))",
    );
    stage.value("one('#log-follow').click()");
    stage.value("one('#log-lines').scrollTop = 0");
    stage.scene.touch("go");
    stage.wait_for("shown(one('#log-new')) && one('#log-new').innerText === '1 new line'");
    assert_eq!(stage.number("one('#log-lines').scrollTop"), 0.0);
    // Older lines than the page began with.
    stage.value("one('#log-older').click()");
    stage.wait_for("lines().includes('out line 1')");
}

#[test]
fn two_pages_show_two_agents_each_its_own() {
    let agents = AgentsFile::new()
        .puppet(
            "reader",
            "",
            &["print=I read", "metrics=books:3", "live=50ms"],
        )
        .puppet(
            "writer",
            "",
            &["print=I write", "metrics=pages:8", "live=50ms"],
        );
    let mut stage = Stage::started(&agents);
    stage.scene.wait_for_state("reader", "RUNNING");
    stage.scene.wait_for_state("writer", "RUNNING");
    stage.open_agent("reader");
    stage.wait_for("lines().includes('out I read') && one('figure[data-name=books] .curve')");
    stage.check("!lines().includes('out I write') && !one('figure[data-name=pages]')");
    let reader = stage.browser.tab();
    let writer = stage.browser.open_tab();
    stage.open_agent("writer");
    stage.wait_for("lines().includes('out I write') && one('figure[data-name=pages] .curve')");
    stage.check("!lines().includes('out I read') && !one('figure[data-name=books]')");
    processes::signal(stage.scene.instance("reader").pid.unwrap(), Signal::SIGKILL);
    stage.browser.show_tab(&reader);
    stage.wait_for("all('#invocations tr').length === 2 && lines().filter((line) => line === 'out I read').length === 2");
    stage.browser.show_tab(&writer);
    stage.wait_for("connection() === 'live'");
    stage.check("all('#invocations tr').length === 1");
}

#[test]
fn the_shipped_agents_are_shown_with_what_they_measure_and_say() {
    let agents = AgentsFile::new()
        .program(
            "performance-monitor",
            "env = { PERFORMANCE_MONITOR_INTERVAL = \"300ms\" }",
            &["performance-monitor"],
        )
        .program("langsmith-bridge", "", &["langsmith-bridge"]);
    let mut stage = Stage::started(&agents);
    stage.scene.wait_for_state("performance-monitor", "RUNNING");
    stage.scene.wait_for_state("langsmith-bridge", "RUNNING");
    stage.open_fleet(&["performance-monitor", "langsmith-bridge"]);
    // Without a key the bridge is well enough to run, and says what it lacks.
    stage.wait_for("row('langsmith-bridge').dataset.status === 'degraded'");
    stage.wait_for("row('langsmith-bridge').innerText.includes('LANGCHAIN_API_KEY')");
    stage.wait_for("row('langsmith-bridge').querySelector('.cell-memory svg.spark path')");
    stage.open_agent("performance-monitor");
    stage.wait_for("all('#charts figure').length >= 4 && all('#charts .curve').length >= 4");
    stage.open_agent("langsmith-bridge");
    stage.wait_for("all('#charts .curve').length >= 1");
}

#[test]
fn an_agent_without_a_process_shows_no_figures_of_one() {
    let monitor = "env = { PERFORMANCE_MONITOR_INTERVAL = \"300ms\" }";
    let agents = AgentsFile::new()
        .program("performance-monitor", monitor, &["performance-monitor"])
        .puppet("mortal", "restart = \"never\"", &["live=50ms"]);
    let mut stage = Stage::started(&agents);
    let mortal = stage.scene.wait_for_state("mortal", "RUNNING");
    stage.open_fleet(&["performance-monitor", "mortal"]);
    stage.wait_for("/[KM]iB/.test(row('mortal').querySelector('.cell-memory').innerText)");
    processes::signal(mortal.pid.unwrap(), Signal::SIGKILL);
    stage.wait_for("row('mortal').dataset.state === 'EXITED'");
    stage.wait_for("!/[0-9]/.test(row('mortal').querySelector('.cell-memory').innerText + row('mortal').querySelector('.cell-cpu').innerText)");
    stage
        .check("/[KM]iB/.test(row('performance-monitor').querySelector('.cell-memory').innerText)");
}
