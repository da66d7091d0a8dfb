//! What agents say is text, whatever it looks like: names, messages, log lines, events, figures.
//! Control characters are tested in the dashboard's own tests.

use end_to_end::{AgentsFile, processes};
use nix::sys::signal::Signal;

use crate::stage::Stage;

const NAME: &str = "<script>alert(1)</script>";
const MESSAGE: &str = "<img src=x onerror=alert(2)>\"'><svg onload=alert(3)>";
const LINE: &str = "<script>alert(4)</script><iframe src=javascript:alert(5)>";

/// Only what the page itself is made of.
const NOTHING_FOREIGN: &str = "all('script').every((script) => script.src.startsWith(location.origin + '/assets/'))
    && all('img, iframe, object, embed, base, form, style, link:not([rel=icon]):not([rel=stylesheet])').length === 0
    && all('*').every((element) => [...element.attributes].every(({ name, value }) => !name.startsWith('on') && !/^javascript:/i.test(value)))";

#[test]
fn a_script_as_name_message_event_and_log_line_is_shown_as_text() {
    let heartbeat = format!("heartbeat={MESSAGE}");
    let (print, eprint) = (format!("print={LINE}"), format!("eprint={LINE}"));
    let event = format!("event=hostile:{LINE}");
    let actions = [
        "ready",
        &print,
        &eprint,
        &event,
        "metrics=<b>load</b>:1",
        &heartbeat,
        "wait-for=never",
    ];
    let mut stage = Stage::started(&AgentsFile::new().puppet(NAME, "", &actions));
    let first = stage.scene.wait_for_state(NAME, "RUNNING");
    let (name, message, line) = (quoted(NAME), quoted(MESSAGE), quoted(LINE));

    stage.open_fleet(&[NAME]);
    stage.mark_page();
    stage.check(&format!(
        "row({name}).querySelector('a').innerText === {name}"
    ));
    stage.wait_for(&format!(
        "row({name}).querySelector('.said').innerText === {message}"
    ));
    stage.check(NOTHING_FOREIGN);
    // A patch that arrives later takes another way into the page than its first text.
    processes::signal(first.pid.unwrap(), Signal::SIGKILL);
    stage.wait_for(&format!(
        "row({name}).querySelector('.cell-restarts').innerText === '1'"
    ));
    stage.wait_for(&format!(
        "row({name}).querySelector('.said').innerText === {message}"
    ));
    stage.check(NOTHING_FOREIGN);
    stage.check_not_reloaded();
    stage.check_log();

    stage.open_agent(NAME);
    stage.mark_page();
    stage.check(&format!(
        "one('h1').innerText === {name} && document.title.includes({name})"
    ));
    stage.wait_for(&format!("one('.lead').innerText === {message}"));
    let log = format!("['out ', 'err '].every((stream) => lines().includes(stream + {line}))");
    stage.wait_for(&log);
    stage.wait_for(&format!(
        "all('#events tr').some((tr) => tr.innerText.includes({line}))"
    ));
    stage.wait_for("all('#charts figure').length === 1 && one('#charts .curve')");
    stage.check(NOTHING_FOREIGN);
    let count = stage.number("lines().length");
    processes::signal(stage.scene.instance(NAME).pid.unwrap(), Signal::SIGKILL);
    stage.wait_for(&format!("lines().length > {count} && lines().filter((text) => text === 'out ' + {line}).length === 3"));
    stage.check(NOTHING_FOREIGN);
    stage.check_not_reloaded();
    stage.check_log();

    for path in [
        "/events",
        "/alerts",
        "/system",
        "/?q=%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        stage.open(path);
        stage.wait_for("connection() === 'live'");
        stage.check(NOTHING_FOREIGN);
        stage.check_log();
    }
    stage.wait_for(&format!("one('#search').value === {name} && row({name})"));
}

#[test]
fn the_policy_of_the_page_refuses_scripts_and_markup_from_elsewhere_and_the_browser_tells() {
    let stage = Stage::started(&AgentsFile::new().puppet("worker", "", &["live=50ms"]));
    stage.open_fleet(&["worker"]);
    // As a page would that let an agent's text through.
    let refused = "(() => { try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return 'let through'; }
        catch (error) { return error.name; } })()";
    assert_eq!(stage.text(refused), "TypeError");
    stage.value(
        "(() => { const script = document.createElement('script');
            script.append(document.createTextNode('window.ran = true')); document.body.append(script); })()",
    );
    stage.check("window.ran === undefined");
    let log = stage.browser.take_log();
    let told = log
        .iter()
        .filter(|entry| entry.level == "SEVERE" && entry.source == "security");
    assert!(
        told.count() >= 2,
        "silence of the log means something: {log:#?}"
    );
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
