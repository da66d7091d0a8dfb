//! All that the pages do can be done by the keyboard alone.
//! No test here clicks.

use end_to_end::AgentsFile;

use crate::session::key;
use crate::stage::Stage;

const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// More than any page here has places to stop at.
const TABS_MAX: usize = 120;

fn stage() -> Stage {
    let mut agents = AgentsFile::new();
    for name in NAMES {
        agents = agents.puppet(name, "", &["print=hello", "metrics=load:1", "live=50ms"]);
    }
    let mut stage = Stage::started(&agents);
    for name in NAMES {
        stage.scene.wait_for_state(name, "RUNNING");
    }
    stage.open_fleet(&NAMES);
    stage.wait_for("all('#fleet tr').every((tr) => tr.dataset.state === 'RUNNING')");
    stage
}

#[test]
fn tab_leads_to_an_agent_and_enter_opens_it() {
    let stage = stage();
    stage.browser.press([key::TAB]);
    stage.check("document.activeElement.matches('a.skip') && document.activeElement.getBoundingClientRect().top >= 0");
    stage.browser.press([key::ENTER]);
    stage.wait_for("location.hash === '#main'");
    for _ in 0..TABS_MAX {
        if stage.value("document.activeElement.matches('#fleet a')") == true {
            break;
        }
        stage.browser.press([key::TAB]);
        // The skip link has led past the navigation.
        stage.check("!one('header').contains(document.activeElement)");
        stage.check("getComputedStyle(document.activeElement).outlineStyle !== 'none'");
    }
    let name = stage.text("document.activeElement.innerText");
    assert_eq!(name, "alpha");
    stage.browser.press([key::ENTER]);
    stage.wait_for("location.pathname.startsWith('/agents/') && one('h1')?.innerText === 'alpha'");
}

#[test]
fn no_page_traps_the_focus_and_each_stop_is_seen() {
    let stage = stage();
    let agent = stage.scene.instance("beta").instance_id;
    for path in [
        "/".to_owned(),
        format!("/agents/{agent}"),
        "/events".to_owned(),
        "/help".to_owned(),
    ] {
        stage.open(&path);
        if path != "/help" {
            stage.wait_for("connection() === 'live'");
        }
        stage.wait_for("document.readyState === 'complete'");
        // Each stop gets a number; the walk is over when a number comes again or the focus has left the page.
        stage.value("window.stops = 0");
        let stop =
            "(() => { const at = document.activeElement; if (at === document.body) return 'body';
            if (at.stop !== undefined) return 'again'; at.stop = ++window.stops; return ''; })()";
        let mut count = 0;
        loop {
            stage.browser.press([key::TAB]);
            let state = stage.value(stop);
            if state != "" {
                break;
            }
            stage.check("getComputedStyle(document.activeElement).outlineStyle !== 'none'");
            count += 1;
            assert!(count < TABS_MAX, "{path}: the walk has no end");
        }
        let missed = stage.value(
            "all('a[href], button, input, select, summary, [tabindex=\"0\"]')
                .filter((element) => shown(element) && !element.disabled && element.stop === undefined)
                .map((element) => element.outerHTML.slice(0, 120))",
        );
        assert_eq!(
            missed,
            serde_json::json!([]),
            "{path}: not reached by Tab, after {count} stops"
        );
        stage.browser.press_with(key::SHIFT, key::TAB);
        stage.check("document.activeElement !== null");
    }
}

#[test]
fn letters_search_move_and_open() {
    let stage = stage();
    stage.browser.press(['/']);
    stage.check("document.activeElement.id === 'search'");
    stage.browser.press("gam".chars());
    stage.wait_for(
        "all('#fleet tr').length === 1 && row('gamma') && location.search.includes('q=gam')",
    );
    // In an input letters are text: `g`, `a` and `m` went nowhere.
    stage.check("location.pathname === '/' && one('#search').value === 'gam'");
    stage.browser.press([key::ESCAPE]);
    stage.wait_for("all('#fleet tr').length === 3 && one('#search').value === ''");
    stage.check("document.activeElement === document.body");
    stage.browser.press(['j']);
    stage.check("document.activeElement.innerText === 'alpha'");
    stage.browser.press(['j', 'j', 'k']);
    stage.check("document.activeElement.innerText === 'beta'");
    stage.browser.press([key::ENTER]);
    stage.wait_for("one('h1')?.innerText === 'beta' && connection() === 'live'");
    stage.browser.press(['/']);
    stage.check("document.activeElement.id === 'log-search'");
    let range = "one('#spans [aria-current]')?.dataset.range";
    let before = stage.text(range);
    stage.browser.press([key::ESCAPE, ']']);
    stage.wait_for(&format!(
        "location.search.includes('range=') && {range} !== '{before}'"
    ));
}

#[test]
fn g_and_a_letter_go_to_each_page() {
    let stage = stage();
    for (letter, path, title) in [
        ('a', "/alerts", "Alerts"),
        ('e', "/events", "Events"),
        ('s', "/system", "System"),
        ('h', "/help", "Help"),
        ('f', "/", "Fleet"),
    ] {
        stage.browser.press(['g', letter]);
        stage.wait_for(&format!(
            "location.pathname === '{path}' && one('h1')?.innerText === '{title}'"
        ));
        // Keys are heard once the page's script runs, which is after it is shown.
        stage.wait_for("document.readyState === 'complete'");
    }
    stage.browser.press(['?']);
    stage.wait_for("location.pathname === '/help' && document.readyState === 'complete'");
}

#[test]
fn letters_change_the_theme_pause_and_can_be_switched_off() {
    let stage = stage();
    let ground = "getComputedStyle(document.body).backgroundColor";
    let before = stage.text(ground);
    stage.browser.press(['t']);
    stage.wait_for(&format!(
        "{ground} !== '{before}' && location.search.includes('theme=')"
    ));
    stage.browser.press(['t']);
    stage.wait_for(&format!("{ground} === '{before}'"));
    stage.browser.press(['p']);
    stage.wait_for(
        "connection() === 'paused' && one('#pause').getAttribute('aria-pressed') === 'true'",
    );
    stage.browser.press(['p']);
    stage.wait_for("connection() === 'live'");

    stage.browser.press(['?']);
    stage.wait_for("location.pathname === '/help' && document.readyState === 'complete'");
    for _ in 0..TABS_MAX {
        if stage.value("document.activeElement.id === 'keys'") == true {
            break;
        }
        stage.browser.press([key::TAB]);
    }
    stage.browser.press([' ']);
    stage.check("!one('#keys').checked");
    stage.open_fleet(&NAMES);
    stage.browser.press(['?', 'j', 't', '/']);
    stage.check("location.pathname === '/' && document.activeElement === document.body");
}
