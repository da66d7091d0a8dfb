//! A line of a megabyte or a gigabyte: memory stays bounded, the line is marked, the next heartbeat is accepted (F19).
//! It does not measure speed.

use end_to_end::{AgentsFile, Scene, processes};

fn run(bytes: &str, stream_is_cut_at: usize) {
    let long_line = format!("long-line={bytes}");
    let actions = [long_line.as_str(), "heartbeat=after the line", "hang"];
    let agents = AgentsFile::new().puppet("endless", "ready_timeout = \"10m\"\n", &actions);
    let mut scene = Scene::started(&agents);
    let row = scene.wait_for_state("endless", "RUNNING");
    assert_eq!(
        row.heartbeat.map(|beat| beat.1).as_deref(),
        Some("after the line")
    );
    let peak = processes::peak_memory_bytes(scene.coordinator().pid());
    assert!(peak < 100 << 20, "the coordinator needed {peak} bytes");
    scene.stop();
    let invocation = scene.database().invocations("endless").remove(0);
    assert_eq!(invocation.truncated_lines, 1, "{invocation:?}");
    let log = scene.log("endless.log");
    assert_eq!(log.len(), 1, "one line was printed");
    assert!(
        log[0].ends_with("x …[truncated]"),
        "{:?}",
        log[0].get(log[0].len() - 40..)
    );
    let kept = log[0].matches('x').count();
    assert_eq!(kept, stream_is_cut_at);
}

#[test]
fn a_megabyte_is_cut_and_counted() {
    run("1000000", 256 * 1024);
}

#[test]
fn a_gigabyte_needs_no_more_memory() {
    run("1000000000", 256 * 1024);
}

#[test]
fn a_line_that_never_ends_is_cut_at_the_exit() {
    // Three kilobytes without newline, and a limit of one.
    let raw = format!("raw={}", "y".repeat(3000));
    let lines = "restart = \"never\"\nline_bytes_max = \"1KiB\"\n";
    let agents = AgentsFile::new().puppet("endless", lines, &["heartbeat", &raw, "exit=0"]);
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("endless", "EXITED");
    scene.stop();
    let invocation = scene.database().invocations("endless").remove(0);
    assert_eq!(
        (invocation.truncated_lines, invocation.log_lines),
        (1, 1),
        "{invocation:?}"
    );
    let log = scene.log("endless.log");
    assert_eq!(log[0].matches('y').count(), 1024);
    assert!(log[0].ends_with(" …[truncated]"), "{log:?}");
}
