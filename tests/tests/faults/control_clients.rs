//! A client of the control socket that sends garbage, nothing, half a line or too much disturbs nobody (F38).
//! What the answers mean is the matter of the promises (`status_command`).

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use end_to_end::{AgentsFile, Scene, processes, wait_for_condition};
use nix::unistd::geteuid;

/// No user of any machine.
const STRANGER: libc::uid_t = 61_804;

#[test]
fn whatever_a_client_does_agents_and_other_clients_are_not_disturbed() {
    let agents =
        AgentsFile::new().puppet("worker", "heartbeat_timeout = \"2s\"\n", &["live=100ms"]);
    let mut scene = Scene::started(&agents);
    let before = scene.wait_for_state("worker", "RUNNING");
    let connect = || UnixStream::connect(scene.path("coordinator.sock")).unwrap();

    // Clients that say nothing or half a line, and stay.
    let silent: Vec<UnixStream> = (0..10).map(|_| connect()).collect();
    let mut half = connect();
    half.write_all(b"{\"verb\":\"status\"").unwrap();
    // One that vanishes after its question.
    connect()
        .write_all(b"{\"verb\":\"status\",\"names\":[]}\n")
        .unwrap();
    // Garbage is answered or not, but the connection ends.
    for garbage in [&b"\x00\xff\xfe\n"[..], b"[]\n", b"{\"reboot\":{}}\n", b"\n"] {
        let mut client = connect();
        client
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        client.write_all(garbage).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
    }
    // A hundred megabytes without a newline: refused long before they are all there.
    let mut endless = connect();
    endless
        .set_write_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let block = vec![b'x'; 1 << 20];
    let sent = (0..100)
        .take_while(|_| endless.write_all(&block).is_ok())
        .count();
    assert!(sent < 100, "it took everything");

    assert_eq!(scene.status(&["worker"])[0].pid, before.pid);
    let peak = processes::peak_memory_bytes(scene.coordinator().pid());
    assert!(peak < 100 << 20, "the coordinator needed {peak} bytes");
    drop((silent, half));
}

#[test]
fn clients_that_take_every_place_are_sent_away_and_others_are_answered() {
    let agents =
        AgentsFile::new().puppet("worker", "heartbeat_timeout = \"2s\"\n", &["live=100ms"]);
    let mut scene = Scene::started(&agents);
    let before = scene.wait_for_state("worker", "RUNNING");
    let socket = scene.path("coordinator.sock");
    // More than the server has places; none of them ever says anything or ends.
    let mut silent: Vec<UnixStream> = (0..50)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    assert_eq!(scene.status(&["worker"])[0].pid, before.pid);
    for client in &mut silent {
        client
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "it is sent away");
    }
    assert_eq!(scene.instance("worker").invocation_id, before.invocation_id);
}

#[test]
fn clients_that_never_read_their_answer_hold_up_nobody() {
    let agents = AgentsFile::new().puppet("worker", "instances = 100\n", &["live=1s"]);
    let mut scene = Scene::started(&agents);
    for ordinal in 0..100 {
        scene.wait_for_state(&format!("worker:{ordinal}"), "RUNNING");
    }
    let before = scene.instance("worker:99");
    let open_before = processes::open_descriptors(scene.coordinator().pid());
    let deaf: Vec<UnixStream> = (0..20)
        .map(|_| {
            let mut client = UnixStream::connect(scene.path("coordinator.sock")).unwrap();
            client
                .write_all(b"{\"verb\":\"status\",\"names\":[]}\n")
                .unwrap();
            client
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(scene.status(&["worker:99"])[0].pid, before.pid);
    }
    // Those that vanish in the middle of it leave nothing behind.
    drop(deaf);
    wait_for_condition(
        "their descriptors are closed",
        || match processes::open_descriptors(scene.coordinator().pid()) {
            open if open <= open_before => Ok(()),
            open => Err((open, open_before)),
        },
    );
}

#[test]
fn clients_that_wait_keep_nobody_from_asking_and_those_that_vanish_are_noticed() {
    let agents = AgentsFile::new().puppet("late", "autostart = false\n", &["hang"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("late", "STOPPED");
    let open_before = processes::open_descriptors(scene.coordinator().pid());
    let question =
        "{\"verb\":\"act\",\"change\":\"start\",\"names\":[\"late\"],\"wait_ms\":600000}\n";
    let waiting: Vec<UnixStream> = (0..60)
        .map(|_| {
            let mut client = UnixStream::connect(scene.path("coordinator.sock")).unwrap();
            client.write_all(question.as_bytes()).unwrap();
            // It has said all that it wants to say, and still listens.
            client.shutdown(std::net::Shutdown::Write).unwrap();
            client
        })
        .collect();
    wait_for_condition(
        "all wait at the same time",
        || match processes::open_descriptors(scene.coordinator().pid()) {
            open if open >= open_before + 60 => Ok(()),
            open => Err((open, open_before)),
        },
    );
    assert_eq!(scene.status(&["late"])[0].state, "STARTING");
    drop(waiting);
    wait_for_condition("their descriptors are closed", || {
        // The agent that was started has some too.
        match processes::open_descriptors(scene.coordinator().pid()) {
            open if open < open_before + 10 => Ok(()),
            open => Err((open, open_before)),
        }
    });
}

#[test]
fn another_user_is_refused_by_the_mode_of_the_socket_and_by_its_credentials() {
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    scene.wait_for_state("worker", "RUNNING");
    let socket = scene.path("coordinator.sock");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&socket) & 0o777, 0o600);
    if !geteuid().is_root() {
        return; // without root nobody can become somebody else
    }
    for path in [scene.folder(), &scene.path("coordinator.sock")] {
        let open = std::fs::Permissions::from_mode(mode(path) | 0o777);
        std::fs::set_permissions(path, open).unwrap();
    }
    let answer = std::thread::scope(|scope| {
        let stranger = scope.spawn(|| {
            // Of this thread only, which libc's own call would not do.
            // SAFETY: a system call with three numbers; the thread does nothing with memory of others afterwards.
            let changed =
                unsafe { libc::syscall(libc::SYS_setresuid, STRANGER, STRANGER, STRANGER) };
            assert_eq!(changed, 0);
            let mut client = UnixStream::connect(&socket).unwrap();
            client
                .write_all(b"{\"verb\":\"act\",\"change\":\"shutdown\",\"names\":[]}\n")
                .unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            answer
        });
        stranger.join().unwrap()
    });
    assert!(
        answer.contains("forbidden") && answer.contains("another user"),
        "{answer}"
    );
    assert_eq!(
        scene.status(&["worker"])[0].state,
        "RUNNING",
        "it was not obeyed"
    );
    wait_for_condition("the log says so", || {
        let text = scene.coordinator().stderr();
        match text.contains(&STRANGER.to_string()) {
            true => Ok(()),
            false => Err(text),
        }
    });
}
