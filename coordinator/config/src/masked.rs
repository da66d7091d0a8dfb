//! The JSON of an agent's configuration as it may be stored and shown.
//! The agent itself gets its real values by other ways.

use serde_json::{Map, Value, json};

use crate::quantity::duration_text;
use crate::rlimits::limits_json;
use crate::{AgentConfig, Dependency, Schedule, Zone};

const MASK: &str = "***";
/// A name that has one of these as a word, or ends with one, is taken for that of a secret.
const SECRET_WORDS: [&str; 9] = [
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "pass",
    "credential",
    "credentials",
    "authorization",
];

/// Whether a variable, key or flag of this name holds a secret: `LANGCHAIN_API_KEY`, `apiKey`, `--auth-token`.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let mut words: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for char in name.chars() {
        let begins_word = was_lower && char.is_uppercase();
        if !char.is_alphanumeric() || begins_word {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| char.is_alphanumeric()) {
            word.extend(char.to_lowercase());
        }
        was_lower = char.is_lowercase() || char.is_ascii_digit();
    }
    words.iter().any(|word| is_secret_word(word))
}

fn is_secret_word(word: &str) -> bool {
    let singular = word.strip_suffix('s').unwrap_or(word);
    let is_word = |secret: &str| secret == word || secret == singular;
    // Short ones only as whole words: `monkey` and `compass` are no secrets, `pgpassword` is one.
    let is_part = |secret: &str| secret.len() > 4 && word.contains(secret);
    word.ends_with("apikey")
        || SECRET_WORDS
            .iter()
            .any(|secret| is_word(secret) || is_part(secret))
}

impl AgentConfig {
    /// Every key of the agent with its value in force; values that look like secrets are `***`.
    #[must_use]
    pub fn masked_json(&self) -> Value {
        let optional =
            |duration: Option<_>| duration.map_or_else(|| "never".to_owned(), duration_text);
        let env: Map<String, Value> = self
            .env
            .iter()
            .map(|(name, value)| (name.clone(), value.masked().into()))
            .collect();
        let mut all = json!({
            "command": self.masked_command(),
            "protocol": self.protocol,
            "directory": self.directory.to_string_lossy(),
            "env": env,
            "pass_env": self.pass_env,
            "config": masked_table(&self.config),
            "instances": self.instances,
            "depends_on": self.depends_on.iter().map(Dependency::to_json).collect::<Vec<_>>(),
            "autostart": self.autostart,
            "essential": self.essential,
            "schedule": self.schedule.as_ref().map(Schedule::text),
            "time_zone": self.time_zone.as_ref().map(Zone::name),
            "schedule_overlap": self.schedule_overlap,
            "restart": self.restart,
            "success_exit_codes": self.success_exit_codes,
            "backoff_initial": duration_text(self.backoff_initial),
            "backoff_factor": self.backoff_factor,
            "backoff_max": duration_text(self.backoff_max),
            "stable_after": duration_text(self.stable_after),
            "restarts_max": self.restarts_max,
            "restart_window": duration_text(self.restart_window),
            "short_lived_max": self.short_lived_max,
            "fatal_retry": optional(self.fatal_retry),
            "max_age": optional(self.max_age),
            "max_age_variance": self.max_age_variance,
            "ready_timeout": duration_text(self.ready_timeout),
            "ready_after": duration_text(self.ready_after),
            "heartbeat_timeout": optional(self.heartbeat_timeout),
            "watchdog_signal": self.watchdog_signal,
            "watchdog_grace": duration_text(self.watchdog_grace),
            "stop_signal": self.stop_signal,
            "stop_timeout": duration_text(self.stop_timeout),
            "line_bytes_max": self.line_bytes_max,
            "log_bytes_max": self.log_bytes_max,
            "log_files_max": self.log_files_max,
        });
        if let (Some(all), Value::Object(given)) = (all.as_object_mut(), self.given_json()) {
            all.extend(given);
        }
        all
    }

    /// What its processes get.
    fn given_json(&self) -> Value {
        json!({
            "user": self.user,
            "group": self.group,
            "umask": self.umask.map(|mask| format!("{mask:03o}")),
            "rlimits": limits_json(&self.rlimits),
            "nice": self.nice,
            "oom_score_adj": self.oom_score_adj,
            "memory_max": self.memory_max,
            "cpu_max": self.cpu_max,
            "tasks_max": self.tasks_max,
        })
    }

    /// The command; the value of a flag that looks like a secret's, as `--token=…` or `--token …`, is `***`.
    #[must_use]
    pub fn masked_command(&self) -> Vec<String> {
        let mut follows_secret_flag = false;
        let mask = |argument: &String| {
            let is_value = std::mem::take(&mut follows_secret_flag) && !argument.starts_with('-');
            if is_value {
                return MASK.to_owned();
            }
            match argument.split_once('=') {
                Some((flag, _)) if is_secret_name(flag) => format!("{flag}={MASK}"),
                Some(_) => argument.clone(),
                None => {
                    follows_secret_flag = argument.starts_with('-') && is_secret_name(argument);
                    argument.clone()
                }
            }
        };
        self.command.iter().map(mask).collect()
    }
}

fn masked_table(table: &Map<String, Value>) -> Map<String, Value> {
    let entries = table
        .iter()
        .map(|(key, value)| (key.clone(), masked_value(value, is_secret_name(key))));
    entries.collect()
}

/// Only text is a secret: `max_tokens = 4000` is not.
fn masked_value(value: &Value, is_secret: bool) -> Value {
    match value {
        Value::String(_) if is_secret => MASK.into(),
        Value::Object(table) if !is_secret => Value::Object(masked_table(table)),
        Value::Object(table) => {
            let entries = table
                .iter()
                .map(|(key, value)| (key.clone(), masked_value(value, true)));
            Value::Object(entries.collect())
        }
        Value::Array(items) => items
            .iter()
            .map(|item| masked_value(item, is_secret))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_secret_name;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "LANGCHAIN_API_KEY",
            "apiKey",
            "--auth-token",
            "DB_PASSWORD",
            "pgpassword",
            "clientSecret",
            "AWS_KEYS",
            "OPENAI_APIKEY",
            "GITHUB_TOKEN",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "LANGCHAIN_PROJECT",
            "keyboard",
            "interval",
            "monkey",
            "compass",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
