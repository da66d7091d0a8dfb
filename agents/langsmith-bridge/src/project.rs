//! Responsible for finding the id of a project by its name, by either version of the API.
//! It does not remember what it found.

use agent_sdk::Context;
use serde::Deserialize;

use crate::ask_error::{AskError, Meaning};
use crate::asker::Asker;
use crate::trouble::Trouble;

/// The documented way to find a project; present in every version so far.
const SESSIONS_PATH: &str = "/api/v1/sessions";

/// The newer form of the same, for servers that no longer have the other.
const SESSIONS_V2_PATH: &str = "/api/v2/sessions";

/// A project, which LangSmith also calls a session.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Project {
    /// A UUID.
    pub(crate) id: String,
    /// As people named it.
    pub(crate) name: String,
    /// The workspace that it belongs to; a part of the address of its page.
    #[serde(default)]
    pub(crate) tenant_id: Option<String>,
}

/// Asks for the project of this name. 404 means two things: some servers say so of a project that is not there, and newer
/// ones may have only the newer path.
pub(crate) async fn look_up(
    asker: &mut Asker,
    context: &Context,
    name: &str,
) -> Result<Project, Trouble> {
    let is_not_found = |answer: &Result<Vec<u8>, AskError>| matches!(answer, Err(error) if error.meaning() == Some(Meaning::NotFound));
    let parameters = [("name", name), ("limit", "1"), ("include_stats", "false")];
    let mut answer = asker.get(context, SESSIONS_PATH, &parameters).await;
    if is_not_found(&answer) {
        answer = asker
            .get(context, SESSIONS_V2_PATH, &[("name", name)])
            .await;
    }
    if is_not_found(&answer) {
        return Err(Trouble::ProjectMissing {
            name: name.to_owned(),
        });
    }
    let body = answer.map_err(|error| asker.trouble(error))?;
    let project = find_project(&body, name);
    let project =
        project.map_err(|error| asker.trouble(AskError::NotUnderstood(error.to_string())))?;
    project.ok_or_else(|| Trouble::ProjectMissing {
        name: name.to_owned(),
    })
}

/// The project of exactly this name in an answer: an array in version 1, an object with `items` in version 2.
pub(crate) fn find_project(body: &[u8], name: &str) -> Result<Option<Project>, serde_json::Error> {
    let sessions = match serde_json::from_slice(body)? {
        Sessions::Bare(items) | Sessions::Paged { items } => items,
    };
    // The name is compared too: a server that ignores the parameter would answer with some other project.
    Ok(sessions.into_iter().find(|project| project.name == name))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sessions {
    Bare(Vec<Project>),
    Paged { items: Vec<Project> },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(body: &str) -> Option<String> {
        find_project(body.as_bytes(), "mine")
            .unwrap()
            .map(|project| project.id)
    }

    #[test]
    fn both_forms_of_the_answer_are_understood() {
        assert_eq!(
            find(r#"[{"id":"a","name":"mine","extra":null}]"#).as_deref(),
            Some("a")
        );
        assert_eq!(
            find(r#"{"items":[{"id":"a","name":"mine"}],"next_cursor":null}"#).as_deref(),
            Some("a")
        );
    }

    #[test]
    fn another_project_is_not_taken_for_it() {
        assert_eq!(find("[]"), None);
        assert_eq!(find(r#"[{"id":"b","name":"other"}]"#), None);
    }

    #[test]
    fn anything_else_is_an_error() {
        for body in ["{}", "null", "<html>", r#"[{"name":"mine"}]"#] {
            assert!(find_project(body.as_bytes(), "mine").is_err(), "{body}");
        }
    }
}
