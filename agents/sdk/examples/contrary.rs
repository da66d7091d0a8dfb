//! An agent that does as its settings say, well or badly: the tests of the SDK run it. It is no example to follow.

use std::process::ExitCode;
use std::time::Duration;

use agent_sdk::{Agent, AgentError, Beat, Context, Cursor, Level};
use serde_json::json;

#[derive(clap::Args)]
struct Settings {
    /// What each round of work does.
    #[arg(long, default_value = "work")]
    manner: String,
    /// From this round on; before, rounds simply work.
    #[arg(long, default_value_t = 1)]
    from_round: u64,
    /// Milliseconds from one round to the next.
    #[arg(long, default_value_t = 20)]
    interval_ms: u64,
    /// Where this text comes from shows which source of settings wins.
    #[arg(long, env = "CONTRARY_TEXT", default_value = "from default")]
    text: String,
}

struct Contrary {
    settings: Settings,
    round: u64,
}

impl Agent for Contrary {
    const NAME: &'static str = "contrary";
    const ABOUT: &'static str = "Does as its settings say";
    const VERSION: &'static str = "1.2.3";
    type Settings = Settings;

    async fn start(settings: Settings, _context: &Context) -> Result<Self, AgentError> {
        if settings.manner == "fail-start" {
            return Err(AgentError::new("the start fails"));
        }
        Ok(Contrary { settings, round: 0 })
    }

    async fn cycle(&mut self, context: &Context) -> Result<Beat, AgentError> {
        self.round += 1;
        let text = self.settings.text.clone();
        if self.round < self.settings.from_round || self.settings.manner == "work" {
            return Ok(Beat::ok(text).figure("round_count", self.round as f64));
        }
        // From here on a test knows what the loop is doing.
        context.event(Level::Debug, "round", &self.settings.manner);
        match self.settings.manner.as_str() {
            "hang" => loop {
                std::hint::spin_loop();
            },
            "wait" => std::future::pending::<()>().await,
            "wait-politely" => context.stopping().await,
            "degraded" => return Ok(Beat::degraded(text)),
            "error" => return Err(AgentError::new("the round fails")),
            "fatal" => return Err(AgentError::fatal("the round fails for good")),
            "progress" => {
                for step in 1..=3 {
                    context.progress(format!("step {step}"));
                }
            }
            "print" => context.event(Level::Info, "long", "x".repeat(100_000)),
            "records" => return store(context).await,
            _ => {}
        }
        Ok(Beat::ok(text))
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.settings.interval_ms)
    }

    async fn finish(&mut self, context: &Context) {
        context.event(Level::Info, "finished", "");
    }
}

async fn store(context: &Context) -> Result<Beat, AgentError> {
    let before = context.cursor("place").and_then(|place| place.as_i64());
    let place = before.unwrap_or_default() + 1;
    let cursor = Cursor {
        name: "place".to_owned(),
        value: json!(place),
    };
    context
        .records("row", vec![json!({ "place": place })], Some(cursor))
        .await?;
    Ok(Beat::ok(format!("stored up to {place}")))
}

fn main() -> ExitCode {
    agent_sdk::run::<Contrary>()
}
