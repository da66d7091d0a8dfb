//! Feedback adds up, however often the collector and the coordinator have begun anew since the run was traced.

use end_to_end::{AgentsFile, Scene, processes, wait_for_condition};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::killed::free_address;
use crate::local_traces::variables;
use crate::program::Program;
use crate::rows::stored_runs;

#[test]
fn feedback_after_a_restart_adds_to_what_is_stored() {
    let listen = free_address();
    let agents = AgentsFile::new().program(
        "trace-collector",
        "",
        &["trace-collector", "--listen", &listen],
    );
    let mut scene = Scene::started(&agents);
    scene.wait_for_state("trace-collector", "RUNNING");
    let address = format!("http://{listen}");
    let rate = |scene: &Scene, arguments: &[&str]| -> Value {
        let mut program = Program::start(scene, "rated.py", arguments, &variables(&address));
        let told = program.wait().pop().expect("it prints one line");
        assert_eq!(told["errors"], json!([]), "{}", program.errors());
        told
    };
    let made = rate(&scene, &["new"]);
    let run_id = made["run_id"].as_str().expect("an id").to_owned();
    let feedback = |scene: &Scene| stored_runs(&scene.database())[&run_id]["feedback"].clone();
    assert_eq!(feedback(&scene)["helpful"]["n"], 1);

    // The collector alone, then everything.
    let pid = scene
        .wait_for_instance("trace-collector", "a process", |row| row.pid.is_some())
        .pid
        .expect("it was waited for");
    processes::signal(pid, Signal::SIGKILL);
    scene.wait_for_instance("trace-collector", "a new process", |row| {
        row.pid.is_some_and(|new| new != pid)
    });
    wait_until_it_listens(&listen);
    rate(&scene, &[&run_id, "0.5"]);
    scene.kill();
    scene.start();
    wait_until_it_listens(&listen);
    rate(&scene, &[&run_id, "0"]);

    let stats = feedback(&scene);
    let stats = &stats["helpful"];
    assert_eq!(
        (&stats["n"], &stats["avg"], &stats["min"], &stats["max"]),
        (&json!(3), &json!(0.5), &json!(0.0), &json!(1.0))
    );
    assert_eq!(stats["comments"], json!(["at once", "later", "later"]));
    let counted: String = scene
        .database()
        .value("SELECT feedback FROM trace_days", []);
    let counted: Value = serde_json::from_str(&counted).expect("JSON");
    assert_eq!(counted["helpful"][0], 3, "the roll-ups count it too");
}

fn wait_until_it_listens(address: &str) {
    wait_for_condition("the collector to listen", || {
        std::net::TcpStream::connect(address)
            .map(drop)
            .map_err(|error| error.to_string())
    });
}
