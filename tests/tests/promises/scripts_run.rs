//! `scripts/run` as the README says it: one command, an address, and nothing left after Ctrl-C.
//! What the page shows is tested with a browser.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use end_to_end::{AgentsFile, Coordinator, Scene, processes, program, wait_for_condition};
use nix::sys::signal::Signal;

/// The build of the tests has built everything already; building again beside tests that run would replace the programs
/// under their hands. So `cargo` only notes what it was asked for.
fn path_with_a_cargo_that_is_done(scene: &Scene) -> String {
    let folder = scene.path("bin");
    std::fs::create_dir(&folder).expect("the folder is writable");
    let cargo = folder.join("cargo");
    let text = format!(
        "#!/bin/sh\necho \"$@\" >>'{}'\n",
        scene.path("built").display()
    );
    std::fs::write(&cargo, text).expect("the folder is writable");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&cargo, executable).expect("the file is ours");
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}

#[test]
fn it_prints_the_address_and_ends_in_order() {
    let mut scene = Scene::new(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the repository");
    let mut command = Command::new(repository.join("scripts/run"));
    scene.prepare(&mut command);
    let target = program("coordinator")
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned();
    command.env("PATH", path_with_a_cargo_that_is_done(&scene));
    command
        .env("CARGO_TARGET_DIR", target)
        .env("COORDINATOR_AGENTS", scene.path("agents.toml"))
        .env("DASHBOARD_LISTEN", "127.0.0.1:0")
        .env("LANGCHAIN_API_KEY", "")
        .arg("--debug");
    let mut script = Coordinator::start(command, scene.folder());
    let address = wait_for_condition("the line with the address", || {
        if let Some(ended) = script.ended() {
            panic!("it ended: {ended:#?}");
        }
        let stdout = scene.lines("stdout.1");
        let line = stdout
            .iter()
            .find_map(|line| line.strip_prefix("dashboard: "));
        line.map(ToOwned::to_owned)
            .ok_or_else(|| (stdout.clone(), script.last_lines()))
    });
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    scene.wait_for_state("worker", "RUNNING");
    assert!(
        processes::living_with(scene.folder()).len() >= 4,
        "script, coordinator, dashboard, agent"
    );
    let built = scene.lines("built");
    for name in [
        "coordinator",
        "dashboard",
        "langsmith-bridge",
        "performance-monitor",
    ] {
        assert!(
            built[0].starts_with("build ") && built[0].contains(&format!("-p {name}")),
            "{built:?}"
        );
    }
    script.signal(Signal::SIGINT);
    let ended = script.wait_for_end();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(scene.instance("worker").state, "STOPPED");
}
