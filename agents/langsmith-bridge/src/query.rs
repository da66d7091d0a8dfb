//! Responsible for the bodies of `POST /api/v2/runs/query`: what is asked, for which window, and which fields.
//! It does not send them and knows nothing of answers.

use serde::Serialize;

use crate::selection::Selection;
use crate::timestamp::format_ms;

/// Most ids in one request; LangSmith's own clients ask for as many.
pub(crate) const IDS_MAX: usize = 100;

/// One request body. The same value with another `cursor` asks for the next page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RunsQuery {
    project_ids: [String; 1],
    min_start_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_start_time: Option<String>,
    page_size: u32,
    selects: Vec<&'static str>,
    include_subtree_usage: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl RunsQuery {
    /// Runs of a project that started in `from_ms..to_ms`.
    pub(crate) fn window(
        project_id: &str,
        from_ms: i64,
        to_ms: i64,
        page_size: u32,
        selection: &Selection,
    ) -> Self {
        Self {
            project_ids: [project_id.to_owned()],
            min_start_time: format_ms(from_ms),
            max_start_time: Some(format_ms(to_ms)),
            page_size,
            selects: selection.fields().to_vec(),
            // Without it a root run's tokens and cost leave out those of its children.
            include_subtree_usage: true,
            ids: Vec::new(),
            cursor: None,
        }
    }

    /// Single runs of a project, none of which started before `from_ms`. The lower bound has to be given: the
    /// server's default of a day ago may hide older runs from a query by id too.
    pub(crate) fn by_id(
        project_id: &str,
        ids: Vec<String>,
        from_ms: i64,
        selection: &Selection,
    ) -> Self {
        debug_assert!(ids.len() <= IDS_MAX, "callers ask in chunks");
        let page_size = u32::try_from(IDS_MAX).expect("a small constant");
        Self {
            max_start_time: None,
            ids,
            ..Self::window(project_id, from_ms, 0, page_size, selection)
        }
    }

    /// The same question, going on at `cursor`.
    pub(crate) fn at(&self, cursor: Option<&str>) -> Self {
        Self {
            cursor: cursor.map(str::to_owned),
            ..self.clone()
        }
    }

    /// Identifies everything but the cursor: a server's cursor belongs to the body it was given for.
    pub(crate) fn fingerprint(&self) -> String {
        serde_json::to_string(&self.at(None)).expect("strings and numbers serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Selection {
        Selection::resolve(&[], &[])
    }

    #[test]
    fn a_window_names_its_bounds_and_fields() {
        let query = RunsQuery::window("id", 0, 1_000, 500, &usual());
        let body = serde_json::to_value(&query).unwrap();
        assert_eq!(body["min_start_time"], "1970-01-01T00:00:00.000Z");
        assert_eq!(body["max_start_time"], "1970-01-01T00:00:01.000Z");
        assert_eq!(body["include_subtree_usage"], true);
        assert_eq!(body["selects"][0], "ID");
        assert!(body.get("cursor").is_none() && body.get("ids").is_none());
    }

    #[test]
    fn a_question_by_id_still_names_project_and_lower_bound() {
        let body =
            serde_json::to_value(RunsQuery::by_id("project", vec!["run".into()], 5, &usual()))
                .unwrap();
        assert_eq!(body["project_ids"][0], "project");
        assert_eq!(body["min_start_time"], "1970-01-01T00:00:00.005Z");
        assert!(body.get("max_start_time").is_none());
    }

    #[test]
    fn the_next_page_has_the_same_body() {
        let query = RunsQuery::window("id", 0, 1_000, 500, &usual());
        let next = query.at(Some("opaque"));
        assert_eq!(next.fingerprint(), query.fingerprint());
        assert_eq!(serde_json::to_value(next).unwrap()["cursor"], "opaque");
    }
}
