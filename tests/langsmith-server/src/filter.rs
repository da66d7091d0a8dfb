//! The filter language as far as clients of runs use it: `and`, `or`, `not`, comparisons, `has`, `search`.
//! It reads no requests. What it does not know is an error, as on the real server.

use serde_json::Value;

/// What a comparison looks at.
pub(crate) trait Fields {
    /// The values of a field: several for tags and feedback, none where it is absent. Absent if there is no such field.
    fn values(&self, name: &str) -> Option<Vec<Operand>>;
}

/// A value in a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Text(String),
    Number(f64),
    /// Microseconds since 1970.
    Time(i64),
    Truth(bool),
    Null,
}

/// A filter that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare(String, String, Operand),
}

impl Filter {
    /// Reads `text`, such as `and(eq(run_type, "llm"), gte(end_time, "2026-01-05T00:00:00Z"))`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text.trim() };
        let filter = reader.filter()?;
        if reader.rest.is_empty() {
            Ok(filter)
        } else {
            Err(format!("unexpected `{}` in the filter", reader.rest))
        }
    }

    /// Whether any of its comparisons is about feedback.
    pub(crate) fn is_about_feedback(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::is_about_feedback),
            Self::Not(part) => part.is_about_feedback(),
            Self::Compare(_, field, _) => field.starts_with("feedback_"),
        }
    }

    /// The end before which nothing passes, where there is one.
    pub(crate) fn ended_from_us(&self) -> Option<i64> {
        match self {
            Self::And(parts) => parts.iter().find_map(Self::ended_from_us),
            Self::Compare(how, field, Operand::Time(us)) if how == "gte" && field == "end_time" => {
                Some(*us)
            }
            _ => None,
        }
    }

    /// Whether an `or` mixes feedback with the run's own fields, which version 2 refuses.
    pub(crate) fn mixes_feedback(&self) -> bool {
        match self {
            Self::And(parts) => parts.iter().any(Self::mixes_feedback),
            Self::Not(part) => part.mixes_feedback(),
            Self::Compare(..) => false,
            Self::Or(parts) => {
                let about = parts.iter().filter(|part| part.is_about_feedback()).count();
                (about > 0 && about < parts.len()) || parts.iter().any(Self::mixes_feedback)
            }
        }
    }

    /// Whether `run` passes; an error names a field that does not exist.
    pub(crate) fn passes(&self, run: &impl Fields) -> Result<bool, String> {
        match self {
            Self::And(parts) => parts
                .iter()
                .try_fold(true, |all, part| Ok(part.passes(run)? && all)),
            Self::Or(parts) => parts
                .iter()
                .try_fold(false, |any, part| Ok(part.passes(run)? || any)),
            Self::Not(part) => Ok(!part.passes(run)?),
            Self::Compare(how, field, wanted) => {
                let values = run.values(field).ok_or(format!("no field {field}"))?;
                Ok(values.iter().any(|value| compare(how, value, wanted)))
            }
        }
    }
}

fn compare(how: &str, value: &Operand, wanted: &Operand) -> bool {
    let order = match (value, wanted) {
        (Operand::Time(a), Operand::Time(b)) => Some(a.cmp(b)),
        (Operand::Number(a), Operand::Number(b)) => a.partial_cmp(b),
        (Operand::Text(a), Operand::Text(b)) if how == "has" || how == "search" => {
            return a.contains(b.as_str());
        }
        (Operand::Text(a), Operand::Text(b)) => Some(a.cmp(b)),
        (Operand::Truth(a), Operand::Truth(b)) => Some(a.cmp(b)),
        (Operand::Null, Operand::Null) => Some(std::cmp::Ordering::Equal),
        _ => None,
    };
    match how {
        "eq" => order.is_some_and(|order| order.is_eq()),
        "neq" => order.is_none_or(|order| order.is_ne()),
        "gt" => order.is_some_and(|order| order.is_gt()),
        "gte" => order.is_some_and(|order| order.is_ge()),
        "lt" => order.is_some_and(|order| order.is_lt()),
        "lte" => order.is_some_and(|order| order.is_le()),
        _ => order.is_some_and(|order| order.is_eq()),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn filter(&mut self) -> Result<Filter, String> {
        let word = self.word()?;
        self.expect('(')?;
        let filter = match word.as_str() {
            "and" | "or" => {
                let mut parts = vec![self.filter()?];
                while self.skip(',') {
                    parts.push(self.filter()?);
                }
                if word == "and" {
                    Filter::And(parts)
                } else {
                    Filter::Or(parts)
                }
            }
            "not" => Filter::Not(Box::new(self.filter()?)),
            "search" => Filter::Compare(word, "error".into(), self.operand()?),
            "eq" | "neq" | "gt" | "gte" | "lt" | "lte" | "has" => {
                let field = self.word()?;
                self.expect(',')?;
                let operand = self.operand()?;
                let time = match &operand {
                    Operand::Text(text) if field.ends_with("_time") => {
                        super::run_store::us(&Value::from(text.as_str())).map(Operand::Time)
                    }
                    _ => None,
                };
                Filter::Compare(word, field, time.unwrap_or(operand))
            }
            _ => return Err(format!("no comparator {word}")),
        };
        self.expect(')')?;
        Ok(filter)
    }

    fn word(&mut self) -> Result<String, String> {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if word.is_empty() {
            return Err(format!("expected a word at `{}`", self.rest));
        }
        self.rest = rest;
        Ok(word.to_owned())
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.rest = self.rest.trim_start();
        let end = match self.rest.strip_prefix('"') {
            Some(text) => {
                let mut is_escaped = false;
                let end = text.find(|c| {
                    let is_end = c == '"' && !is_escaped;
                    is_escaped = c == '\\' && !is_escaped;
                    is_end
                });
                end.map(|end| end + 2)
            }
            None => self.rest.find([',', ')']),
        };
        let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let value = serde_json::from_str(text.trim());
        self.rest = rest;
        match value {
            Ok(Value::String(text)) => Ok(Operand::Text(text)),
            Ok(Value::Bool(truth)) => Ok(Operand::Truth(truth)),
            Ok(Value::Null) => Ok(Operand::Null),
            Ok(Value::Number(number)) => Ok(Operand::Number(number.as_f64().unwrap_or(f64::NAN))),
            _ => Err(format!("expected a value at `{text}`")),
        }
    }

    fn skip(&mut self, wanted: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.skip(wanted) {
            return Ok(());
        }
        Err(format!("expected `{wanted}` at `{}`", self.rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Run;

    impl Fields for Run {
        fn values(&self, name: &str) -> Option<Vec<Operand>> {
            match name {
                "run_type" => Some(vec![Operand::Text("llm".into())]),
                "end_time" => Some(vec![Operand::Time(1_000_000)]),
                "latency" => Some(vec![Operand::Number(6.0)]),
                "feedback_key" => Some(Vec::new()),
                _ => None,
            }
        }
    }

    fn passes(text: &str) -> Result<bool, String> {
        Filter::parse(text)?.passes(&Run)
    }

    #[test]
    fn comparisons_and_their_combinations_hold_or_not() {
        assert_eq!(
            passes(r#"and(eq(run_type, "llm"), gt(latency, 5))"#),
            Ok(true)
        );
        assert_eq!(
            passes(r#"or(eq(run_type,"tool"),not(gt(latency,5)))"#),
            Ok(false)
        );
        assert_eq!(passes(r#"gte(end_time, "1970-01-01T00:00:01Z")"#), Ok(true));
        assert_eq!(
            passes(r#"lt(end_time, "1970-01-01T00:00:01.000Z")"#),
            Ok(false)
        );
        assert_eq!(passes(r#"neq(feedback_key, "")"#), Ok(false));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "eq(run_type)",
            "eq(color, \"red\")",
            "and()",
            "eq(latency, 5",
            "like(name, \"a\")",
        ] {
            assert!(passes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_or_of_feedback_and_other_fields_is_seen() {
        let mixed = Filter::parse(r#"or(eq(feedback_key, "a"), eq(run_type, "llm"))"#).unwrap();
        assert!(mixed.mixes_feedback() && mixed.is_about_feedback());
        let apart = Filter::parse(r#"and(eq(feedback_key, "a"), eq(run_type, "llm"))"#).unwrap();
        assert!(!apart.mixes_feedback());
    }
}
