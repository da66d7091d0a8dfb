//! Responsible for what clients ask about projects while they trace. Every name is a project, as it is with LangSmith once the first
//! run names it; its id follows from the name. It knows no runs.

use serde_json::{Value, json};

use crate::project::project_id;
use crate::refusal::Refusal;

/// `GET /sessions`: the project of a name, or those that were seen.
pub(crate) fn list(query: Option<&str>, seen: &[(String, String)]) -> Vec<Value> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let name = pairs
        .filter(|(key, _)| key == "name")
        .map(|(_, value)| value.into_owned())
        .next();
    match name {
        Some(name) => vec![session(&project_id(&name), &name)],
        None => seen.iter().map(|(id, name)| session(id, name)).collect(),
    }
}

/// `GET /sessions/{id}`: only a project that was seen has a name to an id.
pub(crate) fn find(id: &str, seen: &[(String, String)]) -> Option<Value> {
    let (id, name) = seen
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(id))?;
    Some(session(id, name))
}

/// `POST /sessions`.
pub(crate) fn create(body: &[u8]) -> Result<Value, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|error| {
        Refusal::unprocessable(format!("the body: {error}; expected {{\"name\": …}}"))
    })?;
    let name = body["name"].as_str().filter(|name| !name.is_empty());
    let name = name
        .ok_or_else(|| Refusal::unprocessable("name: found none, expected the project's name"))?;
    Ok(session(&project_id(name), name))
}

fn session(id: &str, name: &str) -> Value {
    // One machine, one tenant.
    json!({"id": id, "tenant_id": project_id(""), "name": name, "extra": null, "reference_dataset_id": null})
}
