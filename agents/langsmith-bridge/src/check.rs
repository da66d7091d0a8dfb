//! Responsible for `--check`: asks LangSmith one thing after the other and says of each whether it works and what to do.
//! It stores nothing, tries nothing twice, and sends the key nowhere but to the configured endpoint.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ask_error::{AskError, Meaning};
use crate::bridge::KEY_MISSING;
use crate::check_questions::{ask_newer, describe_server, is_of_langsmith, names, say, sessions};
use crate::connection::{Connection, Unset};
use crate::environment::Environment;
use crate::flags::Api;
use crate::project::{Project, find_project};
use crate::pull::Span;
use crate::settings::Configuration;

/// What is looked for runs in; an idle project is no mistake.
const WINDOW: Duration = Duration::from_secs(24 * 3600);

/// What was found. The numbers are exit codes, documented in `--help` and in the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Works = 0,
    DoesNotWork = 1,
    SettingWrong = 2,
}

/// Lines for people, and the worst that they say.
struct Report {
    verdict: Verdict,
}

/// Checks everything in the order in which it is needed; what cannot be checked any more is left out.
/// `source` is where the settings stand besides environment and flags, if anywhere.
pub(crate) async fn check(
    environment: Environment,
    configuration: Configuration,
    source: Option<String>,
) -> ExitCode {
    let mut report = Report {
        verdict: Verdict::Works,
    };
    if let Some(source) = source {
        report.pass("file", &source);
    }
    report.check(environment, configuration).await;
    let last = match report.verdict {
        Verdict::Works => "everything that the bridge needs works",
        Verdict::DoesNotWork => "something does not work; see the lines with ✗",
        Verdict::SettingWrong => "a setting is missing or wrong; see the lines with ✗",
    };
    say(last);
    ExitCode::from(report.verdict as u8)
}

impl Report {
    async fn check(&mut self, environment: Environment, configuration: Configuration) {
        let has_replicas = environment.has_write_replicas && environment.endpoint.is_some();
        let mut connection = match Connection::new(environment, &configuration) {
            Ok(connection) => connection,
            Err(unset) => {
                let message = match unset {
                    Unset::Missing(why) => format!("{KEY_MISSING}{why}"),
                    Unset::Wrong(message) => message,
                };
                return self.fail(Verdict::SettingWrong, "settings", &message);
            }
        };
        let workspace = configuration.workspace_id.as_deref();
        let settings = format!(
            "{}, key from {}, {}",
            connection.client.endpoint().shown(),
            connection.key_variable,
            workspace.map_or("no workspace".into(), |id| format!("workspace {id}"))
        );
        self.pass("settings", &settings);
        if has_replicas {
            say(
                "! settings: LANGSMITH_RUNS_ENDPOINTS is set beside an endpoint; reading does not mind, the official SDK refuses to start so",
            );
        }
        if self.check_server(&mut connection).await && self.check_key(&mut connection).await {
            let mut found = Vec::new();
            for name in &configuration.projects {
                found.extend(self.check_project(&mut connection, name).await);
            }
            for project in found {
                self.check_runs(&mut connection, &project, &configuration)
                    .await;
            }
        }
    }

    /// The network, TLS and what the server says of itself, for which it wants no key.
    async fn check_server(&mut self, connection: &mut Connection) -> bool {
        let begun = Instant::now();
        let answer = connection.client.get("/api/v1/info", &[]).await;
        let took = begun.elapsed().as_millis();
        let secure = if connection.client.endpoint().is_secure() {
            "TLS"
        } else {
            "no TLS"
        };
        match answer {
            Ok(body) => {
                self.pass("network", &format!("an answer after {took} ms, {secure}"));
                match serde_json::from_slice::<Value>(&body) {
                    Ok(info) => self.pass("server", &describe_server(&info)),
                    Err(_) => {
                        let advice = "what answers is no LangSmith API: check LANGSMITH_ENDPOINT";
                        self.fail(Verdict::DoesNotWork, "server", advice);
                        return false;
                    }
                }
                true
            }
            Err(error) if is_of_langsmith(&error) => {
                self.pass("network", &format!("an answer after {took} ms, {secure}"));
                say("– server: it does not say its version");
                true
            }
            Err(error) => {
                self.refuse(connection, "network", &error);
                false
            }
        }
    }

    /// The key, the region and the workspace: all three are behind one refusal.
    async fn check_key(&mut self, connection: &mut Connection) -> bool {
        match sessions(&mut connection.client, &[("limit", "1")]).await {
            Ok(_) => {
                self.pass("key", &format!("{} is accepted", connection.key_variable));
                true
            }
            Err(error) => {
                self.refuse(connection, "key", &error);
                false
            }
        }
    }

    async fn check_project(&mut self, connection: &mut Connection, name: &str) -> Option<Project> {
        let subject = format!("project `{name}`");
        let found = match sessions(&mut connection.client, &[("name", name), ("limit", "1")]).await
        {
            Ok(body) => find_project(&body, name)
                .map_err(|error| AskError::NotUnderstood(error.to_string())),
            Err(error) if error.meaning() == Some(Meaning::NotFound) => Ok(None),
            Err(error) => Err(error),
        };
        match found {
            Ok(Some(project)) => {
                let endpoint = connection.client.endpoint();
                let tenant = project.tenant_id.as_deref();
                let page = tenant.map(|tenant| endpoint.project_page(tenant, &project.id));
                let page = page.map_or(String::new(), |page| format!(", {page}"));
                self.pass(&subject, &format!("{}{page}", project.id));
                Some(project)
            }
            Ok(None) => {
                let names = names(&mut connection.client).await;
                let advice =
                    format!("there is none; set LANGSMITH_PROJECT or --project to one of {names}");
                self.fail(Verdict::DoesNotWork, &subject, &advice);
                None
            }
            Err(error) => {
                self.refuse(connection, &subject, &error);
                None
            }
        }
    }

    /// Which version of the API answers, and one page of runs.
    async fn check_runs(
        &mut self,
        connection: &mut Connection,
        project: &Project,
        configuration: &Configuration,
    ) {
        let subject = format!("runs of `{}`", project.name);
        let now_ms = connection.client.server_now_ms();
        let window_ms = i64::try_from(WINDOW.as_millis()).expect("a small constant");
        let from_ms = now_ms - window_ms;
        if configuration.api != Api::V1 {
            let span = Span {
                from_ms,
                to_ms: now_ms,
            };
            let fields = configuration.selection.fields();
            let answer = ask_newer(connection, project, span, fields.to_vec()).await;
            match answer {
                Ok(answer) => return self.tell_page(&subject, 2, "items", &answer),
                Err(error)
                    if error.meaning() == Some(Meaning::NotFound)
                        && configuration.api == Api::Auto => {}
                Err(error) => return self.refuse(connection, &subject, &error),
            }
        }
        let start_time = crate::timestamp::format_ms(from_ms);
        let body = json!({"session": [project.id], "start_time": start_time, "limit": 10});
        match connection
            .client
            .post("/api/v1/runs/query", body.to_string())
            .await
        {
            Ok(answer) => self.tell_page(&subject, 1, "runs", &answer),
            Err(error) => self.refuse(connection, &subject, &error),
        }
    }

    fn tell_page(&mut self, subject: &str, version: u32, field: &str, answer: &[u8]) {
        let page = serde_json::from_slice::<Value>(answer).unwrap_or_default();
        let Some(runs) = page[field].as_array() else {
            let message = format!("version {version} answers with something that has no `{field}`");
            return self.fail(Verdict::DoesNotWork, subject, &message);
        };
        let newest = runs
            .iter()
            .filter_map(|run| run["start_time"].as_str())
            .max();
        let message = match newest {
            Some(newest) => {
                format!("version {version} of the API answers, the newest run began at {newest}")
            }
            None => format!("version {version} of the API answers; no run began in the last 24 h"),
        };
        self.pass(subject, &message);
        if version == 1 {
            say(
                "! version 1 is removed from LangSmith's cloud in January 2027 and from version 0.18 of the server",
            );
        }
    }

    fn pass(&mut self, subject: &str, message: &str) {
        say(&format!("✓ {subject}: {message}"));
    }

    fn fail(&mut self, verdict: Verdict, subject: &str, message: &str) {
        self.verdict = self.verdict.max(verdict);
        say(&format!("✗ {subject}: {message}"));
    }

    fn refuse(&mut self, connection: &Connection, subject: &str, error: &AskError) {
        let advice = error.advice(
            &connection.key_variable,
            connection.client.endpoint().is_cloud(),
        );
        let advice = if advice.is_empty() {
            advice
        } else {
            format!("; {advice}")
        };
        self.fail(
            Verdict::DoesNotWork,
            subject,
            &connection
                .client
                .redact(&format!("failed to {error}{advice}")),
        );
    }
}
