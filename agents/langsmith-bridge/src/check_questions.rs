//! Responsible for what `--check` asks, and for how its answers are put into words.
//! What they mean for the verdict is `check`'s.

use std::io::Write as _;

use serde_json::Value;

use crate::api_choice::ApiVersion;
use crate::ask_error::{AskError, Meaning};
use crate::client::Client;
use crate::connection::Connection;
use crate::project::Project;
use crate::pull::Span;
use crate::query::{About, Question};
use crate::refused_fields::refused_fields;

/// Names of projects that are shown where one is missing.
const NAMES_MAX: usize = 10;

/// One page by version 2 of the API, without the fields that the server does not know.
pub(crate) async fn ask_newer(
    connection: &mut Connection,
    project: &Project,
    span: Span,
    mut fields: Vec<&'static str>,
) -> Result<Vec<u8>, AskError> {
    loop {
        let question = Question {
            project_id: &project.id,
            from_ms: span.from_ms,
            to_ms: Some(span.to_ms),
            about: About::Everything,
            page_size: 10,
            fields: fields.clone().into(),
        };
        let body = question.body(ApiVersion::V2, None);
        let error = match connection.client.post("/api/v2/runs/query", body).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let asked = question.asked_fields(ApiVersion::V2);
        let explanation = error.explanation();
        let refused = explanation.map_or_else(Vec::new, |words| refused_fields(words, &asked));
        if refused.is_empty() {
            return Err(error);
        }
        say(&format!(
            "! runs of `{}`: the server does not know the field {}; the bridge leaves it out",
            project.name,
            refused.join(", ")
        ));
        fields.retain(|field| !refused.contains(field));
    }
}

/// Whether a server with something against the question answered, rather than nobody or something in between.
pub(crate) fn is_of_langsmith(error: &AskError) -> bool {
    let elsewhere = [Meaning::RefusedOnTheWay, Meaning::Moved];
    error
        .meaning()
        .is_some_and(|meaning| !elsewhere.contains(&meaning))
}

/// The list of projects by version 1 of the API, or by version 2 where the server has only that.
pub(crate) async fn sessions(
    client: &mut Client,
    parameters: &[(&str, &str)],
) -> Result<Vec<u8>, AskError> {
    let answer = client.get("/api/v1/sessions", parameters).await;
    let is_name = |(name, _): &(&str, &str)| *name == "name";
    match answer {
        Err(error) if error.meaning() == Some(Meaning::NotFound) => {
            let parameters: Vec<_> = parameters.iter().copied().filter(is_name).collect();
            client.get("/api/v2/sessions", &parameters).await
        }
        answer => answer,
    }
}

/// Some projects that exist, for a person who mistyped one.
pub(crate) async fn names(client: &mut Client) -> String {
    let limit = NAMES_MAX.to_string();
    let body = sessions(client, &[("limit", &limit), ("include_stats", "false")]).await;
    let value = serde_json::from_slice::<Value>(&body.unwrap_or_default()).unwrap_or_default();
    let sessions = value.as_array().or_else(|| value["items"].as_array());
    let names = sessions
        .into_iter()
        .flatten()
        .filter_map(|session| session["name"].as_str());
    let names: Vec<String> = names
        .take(NAMES_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.is_empty() {
        "your projects".into()
    } else {
        names.join(", ")
    }
}

/// The version, and the stores that answer queries (`instance_flags`, with the official SDK's defaults).
pub(crate) fn describe_server(info: &Value) -> String {
    let flag = |name: &str, default| info["instance_flags"][name].as_bool().unwrap_or(default);
    let version = info["version"].as_str().unwrap_or("of an unknown version");
    let stores = match (
        flag("ch_query_enabled", true),
        flag("sdb_query_enabled", false),
    ) {
        (true, false) => "runs come from its older store (ClickHouse)",
        (true, true) => "runs come from both of its stores",
        (false, true) => "runs come from its newer store (SmithDB), by version 2 of the API only",
        (false, false) => "it says that it answers no queries",
    };
    format!("LangSmith {version}; {stores}")
}

/// A line on stdout, which is no wire here. A reader that went away misses the rest.
pub(crate) fn say(line: &str) {
    let _gone = writeln!(std::io::stdout().lock(), "{line}");
}
