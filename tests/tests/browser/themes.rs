//! Dark and light: as the system is set, unless somebody chose.
//! Contrast is judged by axe-core.

use end_to_end::AgentsFile;

use crate::stage::Stage;

const GROUND: &str = "getComputedStyle(document.body).backgroundColor";

#[test]
fn the_system_decides_until_somebody_chooses() {
    let stage = Stage::started(&AgentsFile::new().puppet("worker", "", &["live=50ms"]));
    stage.browser.prefer("prefers-color-scheme", "dark");
    stage.open_fleet(&["worker"]);
    let dark = stage.text(GROUND);
    stage.browser.prefer("prefers-color-scheme", "light");
    stage.wait_for(&format!("{GROUND} !== '{dark}'"));
    let light = stage.text(GROUND);
    // Chosen by the button, it stays on the next page and after a reload.
    stage.value("one('#theme').click()");
    stage.wait_for(&format!("{GROUND} === '{dark}'"));
    stage.browser.reload();
    stage.wait_for(&format!("{GROUND} === '{dark}'"));
    stage.open("/help");
    stage.wait_for(&format!("{GROUND} === '{dark}'"));
    // A link that names one wins over what was chosen.
    stage.open("/help?theme=light");
    stage.wait_for(&format!("{GROUND} === '{light}'"));
}

#[test]
fn nothing_moves_for_those_who_asked_for_less_motion() {
    let stage = Stage::started(&AgentsFile::new().puppet("worker", "", &["live=50ms"]));
    stage.browser.prefer("prefers-reduced-motion", "reduce");
    stage.open_fleet(&["worker"]);
    stage.check("all('*').every((element) => { const { transitionDuration, animationName } = getComputedStyle(element);
        return animationName === 'none' && transitionDuration.split(', ').every((time) => time === '0s'); })");
}
