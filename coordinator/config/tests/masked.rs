//! What of the configuration goes into the database, where more people can read it than the file.

use std::path::Path;

use coordinator_config::parse;
use serde_json::json;

#[test]
fn secrets_are_masked_wherever_they_stand() {
    let text = r#"
        [agents.w]
        command = ["w", "--token=hush", "--api-key", "hush", "--level=info", "--no-key", "--fast"]
        env = { OPENAI_API_KEY = "hush", LEVEL = "info" }
        config = { url = "x", password = "hush", max_tokens = 5, auth = { secrets = ["hush", "hush"] } }
        heartbeat_timeout = "90s"
    "#;
    let config =
        parse(text, Path::new("/a/agents.toml")).unwrap_or_else(|errors| panic!("{errors}"));
    let agent = &config.agents[0];
    let json = agent.masked_json();
    assert!(!json.to_string().contains("hush"), "{json}");
    assert_eq!(
        agent.masked_command(),
        [
            "w",
            "--token=***",
            "--api-key",
            "***",
            "--level=info",
            "--no-key",
            "--fast"
        ]
    );
    assert_eq!(
        json["env"],
        json!({"LEVEL": "info", "OPENAI_API_KEY": "***"})
    );
    assert_eq!(json["config"]["max_tokens"], 5);
    assert_eq!(json["config"]["auth"]["secrets"], json!(["***", "***"]));
    assert_eq!(
        (&json["heartbeat_timeout"], &json["stop_timeout"]),
        (&json!("90s"), &json!("10s"))
    );
    assert_eq!(agent.config["password"], "hush");
}
