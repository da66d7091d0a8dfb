//! The state of the page of traces: project, window, run type, name, model. All of it is in the URL, checked and bounded.
//! It knows neither rows nor HTML.

use shared_state::TimeMs;

use crate::problem::Problem;
use crate::query::{Params, QUERY_BYTES_MAX, SPANS, Span, percent_encoded};

/// Where the page is.
pub const PATH: &str = "/traces";

/// The range that is shown when none is named: `24h`.
pub const USUAL: usize = 3;

/// A project's id is a UUID; local ones may be a little longer.
const PROJECT_BYTES_MAX: usize = 128;

/// LangSmith's longest is `embedding`.
const TYPE_BYTES_MAX: usize = 32;

/// Longer names are stored, but cannot be chosen: the URL could not hold them.
const NAME_CHARS_MAX: usize = 256;

/// Windows begin and end with a minute, the finest that is rolled up.
const MINUTE_MS: i64 = 60_000;

/// The state of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracesQuery {
    /// The project's id; the one that was pulled last where none is named.
    pub project: Option<String>,
    /// The window.
    pub span: Span,
    /// Only runs of this type.
    pub run_type: Option<String>,
    /// Only runs of this name.
    pub name: Option<String>,
    /// Only runs of this model.
    pub model: Option<String>,
}

impl Default for TracesQuery {
    fn default() -> Self {
        Self {
            project: None,
            span: Span::Last(USUAL),
            run_type: None,
            name: None,
            model: None,
        }
    }
}

impl TracesQuery {
    /// From `project=`, `range=` or `from=` and `to=`, `type=`, `name=` and `model=`.
    pub fn read(params: &Params) -> Result<Self, Problem> {
        Ok(Self {
            project: identifier(params, "project")?,
            span: Span::read_or(params, USUAL)?,
            run_type: run_type(params)?,
            name: name(params, "name")?,
            model: name(params, "model")?,
        })
    }

    /// The link to this state of the page; nothing where a URL cannot hold it.
    pub fn href(&self) -> Option<String> {
        let texts = [
            ("project", &self.project),
            ("type", &self.run_type),
            ("name", &self.name),
            ("model", &self.model),
        ];
        let mut pairs: Vec<String> = texts
            .into_iter()
            .filter_map(|(key, text)| Some((key, text.as_deref()?)))
            .map(|(key, text)| format!("{key}={}", percent_encoded(text)))
            .collect();
        match self.span {
            Span::Last(USUAL) => {}
            Span::Last(n) => pairs.push(format!("range={}", SPANS[n].0)),
            Span::Between(from, to) => pairs.push(format!("from={from}&to={to}")),
        }
        let query = pairs.join("&");
        let is_known = [&self.name, &self.model]
            .into_iter()
            .flatten()
            .all(|text| text.chars().count() <= NAME_CHARS_MAX);
        match query.len() {
            0 => Some(PATH.into()),
            1..=QUERY_BYTES_MAX if is_known => Some(format!("{PATH}?{query}")),
            _ => None,
        }
    }

    /// The same with a change.
    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    /// Whether only some of the runs are looked at.
    pub fn is_filtered(&self) -> bool {
        self.run_type.is_some() || self.name.is_some() || self.model.is_some()
    }

    /// The window in whole minutes; up to now means that the present minute is in it.
    pub fn window(&self, now_ms: TimeMs) -> (TimeMs, TimeMs) {
        let up = |ms: TimeMs| (ms + MINUTE_MS - 1).div_euclid(MINUTE_MS) * MINUTE_MS;
        match self.span {
            Span::Last(n) => (up(now_ms + 1) - SPANS[n].1, up(now_ms + 1)),
            Span::Between(from, to) => {
                let from = from.div_euclid(MINUTE_MS) * MINUTE_MS;
                (from, up(to).max(from + MINUTE_MS))
            }
        }
    }
}

/// Ids are letters, digits and a few signs.
fn identifier(params: &Params, key: &str) -> Result<Option<String>, Problem> {
    let Some(text) = params.text(key) else {
        return Ok(None);
    };
    let is_one = text.len() <= PROJECT_BYTES_MAX && text.chars().all(|one| !one.is_control());
    match is_one {
        true => Ok(Some(text.to_owned())),
        false => Err(Problem::bad_parameter(format!(
            "`{key}` must be an id of at most {PROJECT_BYTES_MAX} bytes"
        ))),
    }
}

fn run_type(params: &Params) -> Result<Option<String>, Problem> {
    let Some(text) = params.text("type") else {
        return Ok(None);
    };
    let is_one = text.len() <= TYPE_BYTES_MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    match is_one {
        true => Ok(Some(text.to_owned())),
        false => Err(Problem::bad_parameter(
            "`type` must be a type of runs in lower case, such as llm, chain, tool or retriever",
        )),
    }
}

fn name(params: &Params, key: &str) -> Result<Option<String>, Problem> {
    match params.text(key) {
        Some(text) if text.chars().count() > NAME_CHARS_MAX => Err(Problem::bad_parameter(
            format!("`{key}` has more than {NAME_CHARS_MAX} characters"),
        )),
        text => Ok(text.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<TracesQuery, Problem> {
        let params = Params::parse(&format!("/traces?{query}").parse().unwrap());
        TracesQuery::read(&params?)
    }

    #[test]
    fn a_state_of_the_page_survives_its_own_link() {
        let all = "project=p-1&type=llm&name=a%20%26%3Cb%3E&model=gpt%2F4&from=60000&to=180000";
        let query = read(all).unwrap();
        assert_eq!(query.name.as_deref(), Some("a &<b>"));
        let again = query.href().unwrap();
        assert_eq!(
            read(again.strip_prefix("/traces?").unwrap()).unwrap(),
            query
        );
        assert_eq!(read("").unwrap(), TracesQuery::default());
        assert_eq!(TracesQuery::default().href().unwrap(), "/traces");
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_or_not_linked() {
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        for bad in [
            format!("project={}", "x".repeat(PROJECT_BYTES_MAX + 1)),
            "project=%00".into(),
            "type=LLM".into(),
            "type=%3Cscript%3E".into(),
            format!("name={long}"),
            format!("model={long}"),
            "range=2h".into(),
            "from=5&to=6".into(),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        let query = TracesQuery::default();
        assert_eq!(query.with(|one| one.name = Some(long)).href(), None);
        let wide = Some("😀".repeat(NAME_CHARS_MAX));
        assert_eq!(query.with(|one| one.name = wide).href(), None);
    }

    #[test]
    fn windows_are_whole_minutes_that_hold_now() {
        let query = read("range=15m").unwrap();
        assert_eq!(query.window(1_000_000), (120_000, 1_020_000));
        assert_eq!(query.window(1_020_000), (180_000, 1_080_000));
        let between = read("from=61000&to=120001").unwrap();
        assert_eq!(between.window(0), (60_000, 180_000));
    }
}
