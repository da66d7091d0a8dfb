//! Prints the JSON schema of `agents.toml`: `cargo run -p coordinator-config --example schema > docs/agents.schema.json`.
//! A test compares that file with what this prints.

fn main() -> serde_json::Result<()> {
    println!(
        "{}",
        serde_json::to_string_pretty(&coordinator_config::json_schema())?
    );
    Ok(())
}
