//! Responsible for the classes of requests that LangSmith counts apart, and the rate of each.
//! It counts nothing itself (`pace` does).

use std::time::Duration;

use langsmith_values::parse_us;
use serde::Deserialize;

/// Above this, a query of version 1 is counted in a stricter class.
const SHORT_WINDOW_MS: i64 = 7 * 24 * 3_600_000;

/// Requests that share a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RequestClass {
    /// `POST /api/v2/runs/query`, and traces.
    RunsV2,
    /// `POST /api/v1/runs/query` of at most seven days.
    RunsV1,
    /// The same of more than seven days.
    RunsV1Long,
    /// The same without a start time, such as by id.
    RunsV1Unbounded,
    /// `POST /api/v1/runs/stats`.
    Stats,
    /// Lists of projects.
    Sessions,
    /// Any other.
    Others,
}

/// Requests in 10 seconds by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimits {
    pub(crate) runs_v2: u32,
    pub(crate) runs_v1: u32,
    pub(crate) runs_v1_long: u32,
    pub(crate) runs_v1_unbounded: u32,
    pub(crate) stats: u32,
    pub(crate) sessions: u32,
    pub(crate) others: u32,
}

impl RequestClass {
    /// Every class, in the order of the declaration.
    pub(crate) const ALL: [Self; 7] = [
        Self::RunsV2,
        Self::RunsV1,
        Self::RunsV1Long,
        Self::RunsV1Unbounded,
        Self::Stats,
        Self::Sessions,
        Self::Others,
    ];

    /// The class of a request. `body` decides only in version 1, `now_ms` where the window has no end.
    pub(crate) fn of(path: &str, body: &str, now_ms: i64) -> Self {
        match path {
            "/api/v1/runs/query" => Self::of_v1_query(body, now_ms),
            "/api/v1/runs/stats" => Self::Stats,
            path if path.starts_with("/api/v2/runs/") || path.starts_with("/api/v2/traces/") => {
                Self::RunsV2
            }
            path if path.ends_with("/sessions") => Self::Sessions,
            _ => Self::Others,
        }
    }

    /// The name under which it is remembered, which never changes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RunsV2 => "runs_v2",
            Self::RunsV1 => "runs_v1",
            Self::RunsV1Long => "runs_v1_long",
            Self::RunsV1Unbounded => "runs_v1_unbounded",
            Self::Stats => "stats",
            Self::Sessions => "sessions",
            Self::Others => "others",
        }
    }

    /// Whether it is a query of runs, on whose rate the pull depends.
    pub(crate) fn is_of_runs(self) -> bool {
        matches!(
            self,
            Self::RunsV2 | Self::RunsV1 | Self::RunsV1Long | Self::RunsV1Unbounded
        )
    }

    fn of_v1_query(body: &str, now_ms: i64) -> Self {
        #[derive(Default, Deserialize)]
        struct Window {
            start_time: Option<String>,
            end_time: Option<String>,
        }
        let window: Window = serde_json::from_str(body).unwrap_or_default();
        let ms = |text: Option<String>| Some(parse_us(&text?)?.div_euclid(1_000));
        let Some(from_ms) = ms(window.start_time) else {
            return Self::RunsV1Unbounded;
        };
        if ms(window.end_time).unwrap_or(now_ms) - from_ms > SHORT_WINDOW_MS {
            Self::RunsV1Long
        } else {
            Self::RunsV1
        }
    }
}

impl RateLimits {
    /// Requests of this class in 10 seconds.
    pub(crate) fn of(&self, class: RequestClass) -> u32 {
        match class {
            RequestClass::RunsV2 => self.runs_v2,
            RequestClass::RunsV1 => self.runs_v1,
            RequestClass::RunsV1Long => self.runs_v1_long,
            RequestClass::RunsV1Unbounded => self.runs_v1_unbounded,
            RequestClass::Stats => self.stats,
            RequestClass::Sessions => self.sessions,
            RequestClass::Others => self.others,
        }
    }
}

/// What a server says about how much it still allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Requests that are left.
    pub(crate) remaining: u64,
    /// Until the count begins anew.
    pub(crate) reset: Option<Duration>,
}

impl Allowance {
    /// Reads the headers in use: `X-RateLimit-Remaining` and `-Reset`, the same without `X-`, and the newer
    /// `RateLimit: "name";r=5;t=30`. `get` finds a header by its name.
    pub(crate) fn read<'a>(get: impl Fn(&str) -> Option<&'a str>, now_ms: i64) -> Option<Self> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let either = |name: &str| {
            get(&format!("x-ratelimit-{name}")).or_else(|| get(&format!("ratelimit-{name}")))
        };
        if let Some(remaining) = either("remaining").and_then(number) {
            let reset = either("reset").and_then(number);
            return Some(Self {
                remaining,
                reset: reset.map(|count| until_reset(count, now_ms)),
            });
        }
        let field = get("ratelimit")?;
        let parameter = |name: &str| {
            let mut parts = field.split([';', ',']).map(str::trim);
            parts.find_map(|part| number(part.strip_prefix(name)?.strip_prefix('=')?))
        };
        Some(Self {
            remaining: parameter("r").or_else(|| parameter("remaining"))?,
            reset: parameter("t")
                .or_else(|| parameter("reset"))
                .map(|count| until_reset(count, now_ms)),
        })
    }
}

/// Seconds from now, or since 1970 as some gateways send them; both occur under the same name. A day is more than any
/// limit of requests lasts.
fn until_reset(count: u64, now_ms: i64) -> Duration {
    let now_s = u64::try_from(now_ms / 1_000).unwrap_or(0);
    let seconds = if count > 1_000_000_000 {
        count.saturating_sub(now_s)
    } else {
        count
    };
    Duration::from_secs(seconds.min(24 * 3_600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_class_and_a_v1_query_one_by_its_window() {
        let now_ms = parse_us("2026-03-01T00:00:00Z").unwrap() / 1_000;
        let of = |path: &str, body: &str| RequestClass::of(path, body, now_ms);
        assert_eq!(of("/api/v2/runs/query", "{}"), RequestClass::RunsV2);
        assert_eq!(of("/api/v1/sessions", ""), RequestClass::Sessions);
        assert_eq!(of("/api/v1/runs/stats", "{}"), RequestClass::Stats);
        assert_eq!(of("/api/v1/info", ""), RequestClass::Others);
        for (window, class) in [
            (
                r#""start_time":"2026-02-25T00:00:00""#,
                RequestClass::RunsV1,
            ),
            (
                r#""start_time":"2026-02-25T00:00:00Z","end_time":"2026-03-04T00:00:00Z""#,
                RequestClass::RunsV1,
            ),
            (
                r#""start_time":"2026-02-01T00:00:00Z""#,
                RequestClass::RunsV1Long,
            ),
            (r#""id":["a"]"#, RequestClass::RunsV1Unbounded),
            (r#""start_time":null"#, RequestClass::RunsV1Unbounded),
        ] {
            let body = format!("{{{window}}}");
            assert_eq!(of("/api/v1/runs/query", &body), class, "{window}");
        }
    }

    #[test]
    fn what_is_left_is_read_in_each_of_its_forms() {
        let now_ms = 1_767_631_561_000;
        let read = |headers: &[(&str, &'static str)]| {
            let get = |name: &str| {
                headers
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| *value)
            };
            Allowance::read(get, now_ms)
        };
        let allowance = |remaining, seconds: Option<u64>| {
            Some(Allowance {
                remaining,
                reset: seconds.map(Duration::from_secs),
            })
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("x-ratelimit-remaining", "soon")]), None);
        assert_eq!(read(&[("x-ratelimit-remaining", "7")]), allowance(7, None));
        assert_eq!(
            read(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "12")]),
            allowance(0, Some(12))
        );
        assert_eq!(
            read(&[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1767631571")
            ]),
            allowance(0, Some(10)),
            "a moment instead of a span"
        );
        assert_eq!(
            read(&[("ratelimit", r#""default";r=5;t=30"#)]),
            allowance(5, Some(30))
        );
        assert_eq!(
            read(&[("ratelimit", "limit=10, remaining=3, reset=4")]),
            allowance(3, Some(4))
        );
    }
}
