//! The folder of the logs is moved away and another one is put in its place: the next lines are in the new one (F34).
//! A deleted log is among the promises (`log_files`).

use std::time::Duration;

use end_to_end::{AgentsFile, Scene, let_time_pass, wait_for_condition};

#[test]
fn lines_go_on_in_the_new_folder_and_no_line_is_lost() {
    let talker = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done";
    let agents = AgentsFile::new().plain("talker", "", &["sh", "-c", talker]);
    let mut scene = Scene::started(&agents);
    let count = |scene: &Scene| scene.log("talker.log").len();
    let wait_for_log = |scene: &Scene| {
        wait_for_condition("ten lines", || match count(scene) {
            lines if lines >= 10 => Ok(()),
            lines => Err(lines),
        });
    };
    wait_for_log(&scene);
    std::fs::rename(scene.path("logs"), scene.path("logs.old")).unwrap();
    std::fs::create_dir(scene.path("logs")).unwrap();
    wait_for_log(&scene);
    let_time_pass(Duration::from_millis(100));
    scene.stop();
    let number = |line: &String| line.strip_prefix("out line ")?.parse::<usize>().ok();
    let old = scene.log("../logs.old/talker.log");
    let new = scene.log("talker.log");
    let numbers: Vec<usize> = old.iter().chain(&new).filter_map(number).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len()), "{numbers:?}");
}

#[test]
fn the_coordinator_s_own_log_goes_on_in_the_new_folder_too() {
    let mut scene = Scene::started(&AgentsFile::new().puppet("worker", "", &["live=20ms"]));
    scene.wait_for_state("worker", "RUNNING");
    std::fs::rename(scene.path("logs"), scene.path("logs.old")).unwrap();
    std::fs::create_dir(scene.path("logs")).unwrap();
    let texts = |folder: &str| -> String {
        let files = std::fs::read_dir(scene.path(folder)).unwrap().flatten();
        let own = files.filter(|file| {
            file.file_name()
                .to_string_lossy()
                .starts_with("coordinator.")
        });
        own.map(|file| std::fs::read_to_string(file.path()).unwrap())
            .collect()
    };
    wait_for_condition("a line in the new folder", || {
        let output = scene.run(&["restart", "worker"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = texts("logs");
        if text.contains("agent started") {
            Ok(())
        } else {
            Err(text)
        }
    });
    assert!(texts("logs.old").contains("database initialised"));
}
