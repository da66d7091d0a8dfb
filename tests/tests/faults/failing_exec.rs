//! Programs that cannot be started: the reason is told, counted for backoff, and nothing leaks (F3).
//! Running out of processes or descriptors is not tried here.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use end_to_end::{AgentsFile, Scene, processes};

const CASES: [(&str, &str); 8] = [
    ("missing", "No such file or directory"),
    ("forbidden", "Permission denied"),
    ("garbage", "Exec format error"),
    ("homeless", "No such file or directory"),
    ("nameless", "could not find the user \"no-such-user\""),
    ("groupless", "could not find the group \"no-such-group\""),
    ("unlisted", "could not find the group of user 61804"),
    ("limitless", "could not set its limit nofile"),
];
const TRIES: usize = 50;

fn write_file(path: &Path, mode: u32) {
    std::fs::write(path, b"\x00\x01\x02 neither a script nor a program")
        .expect("the folder is writable");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .expect("the folder is writable");
}

#[test]
fn each_cause_is_told_and_counted_and_nothing_leaks() {
    let lines = format!(
        "short_lived_max = {TRIES}\nrestarts_max = 1000000\nfatal_retry = \"never\"\n\
         backoff_initial = \"5ms\"\nbackoff_max = \"5ms\"\n"
    );
    let homeless = format!("{lines}directory = \"home\"\n");
    let nameless = format!("{lines}user = \"no-such-user\"\n");
    let groupless = format!("{lines}group = \"no-such-group\"\n");
    let unlisted = format!("{lines}user = 61804\n");
    // More than the kernel allows to anybody.
    let limitless = format!("{lines}rlimits = {{ nofile = \"unlimited\" }}\n");
    // Root may become another user, who then cannot enter the folder; nobody else may.
    let others = format!("{lines}user = \"nobody\"\ndirectory = \"closed\"\n");
    let cause_of_others = match nix::unistd::geteuid().is_root() {
        true => "could not enter the directory closed: Permission denied",
        false => "could not become its user and group: Operation not permitted",
    };
    let agents = AgentsFile::new()
        .program("missing", &lines, &["./no-such-program"])
        .program("forbidden", &lines, &["./forbidden"])
        .program("garbage", &lines, &["./garbage"])
        .program("homeless", &homeless, &["/bin/true"])
        .program("nameless", &nameless, &["/bin/true"])
        .program("groupless", &groupless, &["/bin/true"])
        .program("unlisted", &unlisted, &["/bin/true"])
        .program("limitless", &limitless, &["/bin/true"])
        .program("others", &others, &["/bin/true"])
        .puppet("healthy", "", &["live=20ms"]);
    let mut scene = Scene::new(&agents);
    write_file(&scene.path("forbidden"), 0o644);
    write_file(&scene.path("garbage"), 0o755);
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::create_dir(scene.path("closed")).expect("the folder is writable");
    std::fs::set_permissions(scene.path("closed"), closed).expect("the folder is the test's own");
    scene.start();
    for (name, cause) in CASES.into_iter().chain([("others", cause_of_others)]) {
        let row = scene.wait_for_state(name, "FATAL");
        assert!(row.reason.contains(cause), "{row:?}");
        assert_eq!(row.pid, None);
        let invocations = scene.database().invocations(name);
        assert_eq!(invocations.len(), TRIES);
        for invocation in invocations {
            assert_eq!(
                invocation.outcome.as_deref(),
                Some("spawn_failed"),
                "{invocation:?}"
            );
            assert_eq!(invocation.pid, None, "{invocation:?}");
            let reason = invocation.reason.as_deref().unwrap_or_default();
            assert!(reason.contains(cause), "{invocation:?}");
        }
    }
    scene.wait_for_state("healthy", "RUNNING");
    // One descriptor of each failure would be two hundred by now.
    let open = processes::open_descriptors(scene.coordinator().pid());
    assert!(open < 60, "{open} descriptors are open");
}

#[test]
fn between_tries_it_is_in_backoff_with_the_cause_and_the_time_of_the_next_one() {
    let lines = "backoff_initial = \"1h\"\nbackoff_max = \"1h\"\n";
    let agents = AgentsFile::new().program("missing", lines, &["no-such-program-anywhere"]);
    let mut scene = Scene::started(&agents);
    let row = scene.wait_for_state("missing", "BACKOFF");
    assert!(row.reason.contains("No such file or directory"), "{row:?}");
    assert!(row.next_attempt_ms.is_some(), "{row:?}");
    assert!(row.last_exit.is_some(), "{row:?}");
}
