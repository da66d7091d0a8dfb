//! The LangSmith key is in nothing that a bridge leaves behind: database, logs, arguments; also after nothing but trouble and
//! with the most talkative log. What the bridge says of each trouble is tested where it does.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use end_to_end::{AgentsFile, Scene, now_ms, processes, wait_for_condition};
use langsmith_test_server::{ContractServer, Fault, KEY, World};

/// A server that refuses every request and repeats it whole, headers included, as some gateways do.
fn serve_echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 8 * 1024];
            let Ok(length) = stream.read(&mut bytes) else {
                continue;
            };
            let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
            assert!(request.contains(KEY), "the key is sent");
            // Only 300 characters of an explanation are shown: the end of them falls into the key.
            let at = request.find(KEY).unwrap_or(0);
            let detail = format!("{}{}", "-".repeat(285), &request[at..]);
            let body = serde_json::json!({"detail": detail}).to_string();
            let head =
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close";
            let _gone = write!(
                stream,
                "{head}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

/// Every file below `folder` that holds the key, or the part of it that only it begins with.
fn files_with_key(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with_key(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let part = &KEY.as_bytes()[..12];
            let mut windows = bytes.windows(part.len());
            if windows.any(|window| window == part) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn no_file_and_no_argument_ever_holds_it() {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let mut world = World::with_runs(30, now_ms(), 60_000);
    for fault in [
        Fault::Status(500, None),
        Fault::Status(429, Some(("retry-after-ms", "5".into()))),
        Fault::Html(403),
        Fault::TruncatedJson,
        Fault::BrokenConnection,
    ] {
        world.faults.push(("/runs/query", fault));
    }
    let server = runtime.block_on(ContractServer::start(world));
    let bridge = |url: &str| {
        format!(
            "pass_env = [\"LANGSMITH_API_KEY\"]\nenv = {{ LANGSMITH_ENDPOINT = \"{url}\", RUST_LOG = \"trace\" }}\n\
             config = {{ safety_lag = \"0s\", poll_interval = \"200ms\" }}"
        )
    };
    let agents = AgentsFile::new()
        .program("troubled", &bridge(server.url()), &["langsmith-bridge"])
        .program("echoed", &bridge(&serve_echo()), &["langsmith-bridge"]);
    let mut scene = Scene::new(&agents);
    let mut command = scene.command();
    command.args(["--agents", "agents.toml"]);
    command
        .env("LANGSMITH_API_KEY", KEY)
        .env("RUST_LOG", "trace");
    scene.start_command(command);
    scene.wait_for_state("troubled", "RUNNING");
    let database = scene.database();
    wait_for_condition(
        "30 runs are stored in spite of the faults",
        || match database.value::<i64>("SELECT count(*) FROM trace_runs", []) {
            30 => Ok(()),
            other => Err(other),
        },
    );
    wait_for_condition("how fresh the project is, is stored too", || {
        let fresh = "SELECT count(*) FROM trace_projects WHERE web_url IS NOT NULL AND last_pull_ms > 0 AND error = ''";
        match database.value::<i64>(fresh, []) {
            1 => Ok(()),
            other => Err(other),
        }
    });
    wait_for_condition("the echo is told without the key", || {
        let line = scene.status(&["echoed"]).remove(0);
        let message = line.message.clone().unwrap_or_default();
        if message.contains("HTTP 400, `---") && message.contains("-[key]") {
            Ok(())
        } else {
            Err(Box::new(line))
        }
    });
    for process in processes::living_with(scene.folder()) {
        let arguments = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&arguments).contains(KEY));
    }
    scene.stop();
    let logs = scene.lines("logs/troubled.log").join("\n");
    assert!(logs.contains("TRACE"), "{logs}");
    assert_eq!(files_with_key(scene.folder()), Vec::<String>::new());
}
