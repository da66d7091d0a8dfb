//! At the width of a phone all is there and nothing makes the page scroll sideways.
//! Accessibility at that width is tested with the others.

use end_to_end::AgentsFile;

use crate::stage::Stage;

const WIDTH: u32 = 390;

/// What sticks out, for the message; things inside of a box that scrolls by itself may.
const STICKING_OUT: &str = "all('body *').filter((element) => element.getBoundingClientRect().right > 390.5
    && !element.closest('.scroll, .log, .filters, .hidden, svg')).map((element) => element.outerHTML.slice(0, 160)).slice(0, 5)";

#[test]
fn no_page_scrolls_sideways_on_a_phone() {
    let long = "a-name-that-is-as-long-as-names-may-be-without-a-place-to-break0";
    let message = format!("heartbeat={}", "x".repeat(300));
    let agents = AgentsFile::new()
        .puppet("short", "", &["print=hello", "metrics=load:1", "live=50ms"])
        .puppet(
            long,
            "",
            &[
                "long-line=400",
                "metrics=a_figure_with_a_rather_long_name_per_second:123456789",
                &message,
                "wait-for=never",
            ],
        )
        .program(
            "performance-monitor",
            "env = { PERFORMANCE_MONITOR_INTERVAL = \"300ms\" }",
            &["performance-monitor"],
        );
    let agents = agents.puppet("courier", "", &crate::traces::COURIER);
    let mut stage = Stage::started(&agents);
    stage.browser.resize(WIDTH, 844, true);
    let ids: Vec<i64> = ["short", long, "performance-monitor"]
        .map(|name| stage.scene.wait_for_state(name, "RUNNING").instance_id)
        .into();
    stage.open_fleet(&["short", long, "performance-monitor"]);
    stage.wait_for("row('performance-monitor').querySelector('.figures')");
    check_width(&stage);
    stage.check(
        "shown(one('#pause')) && shown(one('#search')) && all('#fleet tr .state').every(shown)",
    );
    for id in ids {
        stage.open(&format!("/agents/{id}"));
        stage.wait_for(
            "connection() === 'live' && one('#charts .curve, #charts .empty, .card .empty')",
        );
        stage.wait_for("lines().length > 0 || shown(one('#log-excuse'))");
        check_width(&stage);
    }
    stage.open("/traces");
    stage.wait_for("one('#trace-empty .set-up')");
    check_width(&stage);
    crate::traces::send_samples(&stage);
    for (path, is_ready) in [
        (
            "/traces",
            "all('#trace-models tr').length > 0 && one('#trace-charts .column')",
        ),
        ("/traces?type=llm&model=gpt-x", "one('#trace-chosen')"),
        (
            "/traces?from=60000&to=3600000",
            "(one('.custom-range').open = true)",
        ),
        ("/traces/runs/root-1", "one('#run-children tr')"),
    ] {
        stage.open(path);
        stage.wait_for(&format!("connection() === 'live' && {is_ready}"));
        check_width(&stage);
    }
    for path in ["/alerts", "/events", "/system", "/help", "/no-such-page"] {
        stage.open(path);
        check_width(&stage);
    }
    stage.scene.stop();
    stage.open("/");
    stage.wait_for("banner() === 'down'");
    check_width(&stage);
    // `/no-such-page` was meant to fail.
    stage.browser.take_log();
}

fn check_width(stage: &Stage) {
    let width = stage.number("document.documentElement.scrollWidth");
    let inner = stage.number("innerWidth");
    assert!(
        width <= f64::from(WIDTH) && inner <= f64::from(WIDTH),
        "{}: the page is {width} wide in a window of {inner}: {:#}",
        stage.text("location.pathname"),
        stage.value(STICKING_OUT)
    );
}
