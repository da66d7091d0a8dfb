//! Query parameters: each is checked and bounded before anything is asked of the database; all state of a page is in them.
//! It knows no page.

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use shared_state::{InstanceState, TimeMs};

use crate::bars::BarRange;
use crate::problem::Problem;
use crate::verdict;

/// Longer query strings are not ours.
pub const QUERY_BYTES_MAX: usize = 2_048;

/// Longer searches match nothing: a name has 128 characters at most.
const SEARCH_CHARS_MAX: usize = 128;

/// The parameters of a request, by name; a name that is given twice is refused.
#[derive(Clone, Debug, Default)]
pub struct Params(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(&parts.uri)
    }
}

impl Params {
    pub(crate) fn parse(uri: &axum::http::Uri) -> Result<Self, Problem> {
        if uri.query().map_or(0, str::len) > QUERY_BYTES_MAX {
            return Err(Problem::bad_parameter(format!(
                "the query is longer than {QUERY_BYTES_MAX} bytes"
            )));
        }
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::bad_parameter(error.to_string()))?;
        let mut known = HashMap::new();
        for (name, value) in pairs.0 {
            if known.insert(name.clone(), value).is_some() {
                let name = crate::text::clean(&name).into_owned();
                return Err(Problem::bad_parameter(format!("`{name}` is given twice")));
            }
        }
        Ok(Self(known))
    }

    /// The value of a parameter; an empty one counts as not given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A whole number within bounds, or the default.
    pub fn number(&self, name: &str, (min, max): (i64, i64), default: i64) -> Result<i64, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| {
                Problem::bad_parameter(format!("`{name}` must be a number from {min} to {max}"))
            })
    }

    /// One of several words, or the first of them.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(choices[0].1);
        };
        choices
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, choice)| *choice)
            .ok_or_else(|| {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                let words = words.join(", ");
                Problem::bad_parameter(format!("`{name}` must be one of: {words}"))
            })
    }
}

/// Colours by the system's setting, or as the URL says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system is set.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

impl Theme {
    /// From `theme=`.
    pub fn read(params: &Params) -> Result<Self, Problem> {
        let choices = [
            ("", Self::System),
            ("dark", Self::Dark),
            ("light", Self::Light),
        ];
        params.choice("theme", &choices)
    }

    /// As in the URL; `None` for the system's.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Dark => Some("dark"),
            Self::Light => Some("light"),
        }
    }
}

/// Which agents the fleet page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// All.
    #[default]
    All,
    /// Those that somebody should look at.
    Unwell,
    /// Those in one state.
    In(InstanceState),
}

impl Filter {
    /// As in the URL; empty for all.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Unwell => "unwell",
            Self::In(state) => state.as_str(),
        }
    }
}

/// The state of the fleet page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetQuery {
    /// Of which state.
    pub filter: Filter,
    /// In lower case; part of the name or the message.
    pub search: String,
    /// What the heartbeat bars cover.
    pub range: BarRange,
}

impl FleetQuery {
    /// From `state=`, `q=` and `range=`.
    pub fn read(params: &Params) -> Result<Self, Problem> {
        let mut filters = vec![("", Filter::All), ("unwell", Filter::Unwell)];
        filters.extend(verdict::STATES.map(|state| (state.as_str(), Filter::In(state))));
        let search = params.text("q").unwrap_or_default().trim().to_lowercase();
        if search.chars().count() > SEARCH_CHARS_MAX {
            return Err(Problem::bad_parameter(format!(
                "`q` has more than {SEARCH_CHARS_MAX} characters"
            )));
        }
        Ok(Self {
            filter: params.choice("state", &filters)?,
            search,
            range: params.choice("range", &BarRange::ALL.map(|range| (range.name(), range)))?,
        })
    }

    /// The link to this state of the page.
    pub fn href(&self) -> String {
        let mut pairs = Vec::new();
        if self.filter != Filter::All {
            pairs.push(format!("state={}", self.filter.name()));
        }
        if !self.search.is_empty() {
            pairs.push(format!("q={}", percent_encoded(&self.search)));
        }
        if self.range != BarRange::default() {
            pairs.push(format!("range={}", self.range.name()));
        }
        match pairs.is_empty() {
            true => "/".into(),
            false => format!("/?{}", pairs.join("&")),
        }
    }
}

/// Ranges of the charts that have a name, shortest first, with their length.
pub const SPANS: [(&str, i64); 7] = [
    ("15m", 900_000),
    ("1h", 3_600_000),
    ("6h", 21_600_000),
    ("24h", 86_400_000),
    ("7d", 604_800_000),
    ("30d", 2_592_000_000),
    ("90d", 7_776_000_000),
];

/// Shorter charts have a point or two.
const SPAN_MS_MIN: i64 = 10_000;

/// Hours are kept 400 days.
const SPAN_MS_MAX: i64 = 400 * 86_400_000;

/// Far enough in the future for every clock.
const TIME_MS_MAX: i64 = 4_102_444_800_000;

/// Which time charts cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Up to now, an index of `SPANS`.
    Last(usize),
    /// Between two times.
    Between(TimeMs, TimeMs),
}

impl Span {
    /// From `range=`, or `from=` and `to=` in milliseconds; the shortest where neither is given.
    pub fn read(params: &Params) -> Result<Self, Problem> {
        // Of an hour, the first minutes after a start would show a sliver.
        Self::read_or(params, 0)
    }

    /// The same with another default, an index of `SPANS`.
    pub fn read_or(params: &Params, default: usize) -> Result<Self, Problem> {
        let from = params.number("from", (0, TIME_MS_MAX), -1)?;
        let to = params.number("to", (0, TIME_MS_MAX), -1)?;
        if from < 0 && to < 0 {
            let mut choices = vec![(SPANS[default].0, default)];
            choices.extend(SPANS.iter().enumerate().map(|(n, (name, _))| (*name, n)));
            return Ok(Self::Last(params.choice("range", &choices)?));
        }
        if from < 0 || !(SPAN_MS_MIN..=SPAN_MS_MAX).contains(&(to - from)) {
            return Err(Problem::bad_parameter(
                "`from` and `to` must both be given, in milliseconds since 1970, 10 seconds to 400 days apart",
            ));
        }
        Ok(Self::Between(from, to))
    }

    /// Its two ends.
    pub fn ends(self, now_ms: TimeMs) -> (TimeMs, TimeMs) {
        match self {
            Self::Last(n) => (now_ms - SPANS[n].1, now_ms),
            Self::Between(from, to) => (from, to),
        }
    }
}

/// For a query value; the rest of a URL is ours.
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Result<Params, Problem> {
        Params::parse(&format!("/?{query}").parse().unwrap())
    }

    #[test]
    fn a_state_of_the_fleet_page_survives_its_own_link() {
        let query = FleetQuery::read(&params("state=FATAL&q=A%20%26b&range=24h").unwrap()).unwrap();
        assert_eq!(query.search, "a &b");
        let again = query.href();
        let again = params(again.strip_prefix("/?").unwrap()).unwrap();
        assert_eq!(FleetQuery::read(&again).unwrap(), query);
        assert_eq!(FleetQuery::default().href(), "/");
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_and_named() {
        let refused = [
            FleetQuery::read(&params("state=none").unwrap()).unwrap_err(),
            FleetQuery::read(&params(&format!("q={}", "x".repeat(129))).unwrap()).unwrap_err(),
            Span::read(&params("from=5").unwrap()).unwrap_err(),
            Span::read(&params("from=5&to=6").unwrap()).unwrap_err(),
            Span::read(&params("range=2h").unwrap()).unwrap_err(),
            params("a=1&a=2").unwrap_err(),
            params(&"x".repeat(3_000)).unwrap_err(),
        ];
        for problem in refused {
            assert_eq!(
                problem.status,
                axum::http::StatusCode::BAD_REQUEST,
                "{problem:?}"
            );
        }
        let span = Span::read(&params("").unwrap()).unwrap();
        assert_eq!(span.ends(SPANS[0].1), (0, SPANS[0].1));
    }
}
