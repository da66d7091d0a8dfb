//! What a process gets besides its program: user, groups, umask, limits, places in the queues of the kernel.
//! What cannot be given is tried in `failing_exec`, among the faults.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use end_to_end::{AgentsFile, Scene, processes, wait_for_condition};
use nix::unistd::geteuid;

const TELL: &str =
    "id -u; id -g; id -G; echo \"$HOME $USER $LOGNAME\"; echo told > /dev/stdout; exec sleep 1000";

/// Its folder is entered by the agent's user, not by the coordinator's.
fn open_to_all(scene: &Scene) {
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(scene.folder(), mode).expect("the folder is the test's own");
}

fn id(arguments: &[&str]) -> String {
    let output = Command::new("id").args(arguments).output();
    let output = output.expect("id is part of coreutils").stdout;
    String::from_utf8_lossy(&output).trim().to_owned()
}

#[test]
fn limits_umask_and_places_are_as_configured() {
    let lines = "umask = \"027\"\nnice = 7\noom_score_adj = 500\n\
        rlimits = { nofile = { soft = 99, hard = 101 }, core = 0, fsize = \"1MiB\" }\n";
    let tell = "umask; ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -f; nice; cat /proc/self/oom_score_adj; exec sleep 1000";
    let agents = AgentsFile::new()
        .plain("given", lines, &["bash", "-c", tell])
        .plain("plain", "", &["bash", "-c", tell]);
    let scene = Scene::started(&agents);
    let told = scene.wait_for_logged("given.log", 7);
    let expected = ["0027", "99", "101", "0", "1024", "7", "500"];
    assert_eq!(told, expected.map(|text| format!("out {text}")));
    let own = scene.wait_for_logged("plain.log", 7);
    assert_ne!(told[0], own[0]);
    assert_ne!(told[1], own[1]);
}

#[test]
fn a_user_comes_with_all_its_groups_and_its_own_environment() {
    if !geteuid().is_root() {
        // Only root may; what happens to others is tried in `failing_exec`. Its own user is no change and allowed.
        let own = format!("user = \"{}\"\n", id(&["-un"]));
        let agents = AgentsFile::new().plain("own", &own, &["bash", "-c", TELL]);
        let scene = Scene::started(&agents);
        assert_eq!(
            scene.wait_for_logged("own.log", 5)[0],
            format!("out {}", id(&["-u"]))
        );
        return;
    }
    let agents = AgentsFile::new()
        .plain(
            "by-name",
            "user = \"nobody\"\nenv = { HOME = \"/own\" }\n",
            &["bash", "-c", TELL],
        )
        .plain(
            "by-number",
            "user = 61804\ngroup = \"daemon\"\n",
            &["bash", "-c", TELL],
        )
        .plain("group-only", "group = \"daemon\"\n", &["bash", "-c", TELL]);
    let mut scene = Scene::new(&agents);
    open_to_all(&scene);
    scene.start();
    let expected = [
        id(&["-u", "nobody"]),
        id(&["-g", "nobody"]),
        id(&["-G", "nobody"]),
    ];
    let told = scene.wait_for_logged("by-name.log", 5);
    assert_eq!(told[..3], expected.map(|text| format!("out {text}")));
    assert_eq!(told[3], "out /own nobody nobody");
    let daemon = format!("out {}", id(&["-g", "daemon"]));
    let told = scene.wait_for_logged("by-number.log", 5);
    assert_eq!(told[..3], ["out 61804", &daemon, &daemon]);
    let told = scene.wait_for_logged("group-only.log", 5);
    assert_eq!(told[..3], ["out 0", &daemon, &daemon]);
}

#[test]
fn an_agent_of_another_user_dies_with_the_coordinator_too() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root may start a process of another user");
        return;
    }
    let agents = AgentsFile::new().plain("other", "user = \"nobody\"\n", &["sleep", "1000"]);
    let mut scene = Scene::new(&agents);
    open_to_all(&scene);
    scene.start();
    let pid = scene
        .wait_for_state("other", "RUNNING")
        .pid
        .expect("it runs");
    let coordinator = scene.coordinator().pid();
    // The change of credentials in memory that both share must not have stayed with the coordinator.
    let status = std::fs::read_to_string(format!("/proc/{coordinator}/status"));
    assert!(status.is_ok_and(|status| status.contains("Uid:\t0\t0\t0\t0\n")));
    scene.kill();
    wait_for_condition("the end of the agent", || match processes::is_alive(pid) {
        true => Err(processes::stat(pid)),
        false => Ok(()),
    });
}

#[test]
fn a_changed_attribute_replaces_the_process_and_nothing_else() {
    let changing = |lines: &str| {
        AgentsFile::new()
            .plain("changing", lines, &["sleep", "1000"])
            .plain("staying", "nice = 3\n", &["sleep", "1000"])
    };
    let mut scene = Scene::started(&changing("rlimits = { nofile = 100 }\n"));
    let before = scene.wait_for_state("changing", "RUNNING");
    let staying = scene.wait_for_state("staying", "RUNNING");
    let new = changing("umask = \"077\"\nrlimits = { nofile = 101 }\n");
    std::fs::write(scene.path("agents.toml"), new.text()).expect("the folder is writable");
    let told = scene.run_to(0, &["reload"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("restarted changing: umask, rlimits"),
        "{told}"
    );
    scene.wait_for_instance("changing", "replaced", |row| {
        row.state == "RUNNING" && row.invocation_id != before.invocation_id
    });
    assert_eq!(scene.instance("staying").pid, staying.pid);
}
