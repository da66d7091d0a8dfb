//! Responsible for the place of a run in its trace, as `dotted_order` says it: when each of its ancestors and it itself began.
//! It does not know whether those runs exist.

use langsmith_values::{is_uuid, parse_us};

/// `20260105T164601068924Z`, then the id.
const TIME_CHARS: usize = 22;
const ID_CHARS: usize = 36;

/// A trace as deep as this is a loop; the text would no longer fit into a row.
const DEPTH_MAX: usize = 100;

/// A dotted order, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DottedOrder {
    /// From the root to the run itself, at least one.
    pub(crate) ids: Vec<String>,
    /// When the run itself began.
    pub(crate) start_us: i64,
}

impl DottedOrder {
    /// Takes the text apart; on an error says what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut ids = Vec::new();
        let mut start_us = 0;
        for part in text.split('.') {
            let read = part
                .split_at_checked(TIME_CHARS)
                .filter(|(_, id)| id.len() == ID_CHARS && is_uuid(id));
            let read = read.and_then(|(time, id)| Some((read_time(time)?, id)));
            let Some((time_us, id)) = read else {
                let part: String = part.chars().take(80).collect();
                return Err(format!(
                    "found {part:?}, expected parts such as 20260105T164601068924ZUUID, separated by periods"
                ));
            };
            start_us = time_us;
            ids.push(id.to_ascii_lowercase());
            if ids.len() > DEPTH_MAX {
                return Err(format!("found more than {DEPTH_MAX} parts"));
            }
        }
        Ok(Self { ids, start_us })
    }

    /// The root, which names the trace.
    pub(crate) fn trace_id(&self) -> &str {
        &self.ids[0]
    }

    /// The run itself.
    pub(crate) fn run_id(&self) -> &str {
        &self.ids[self.ids.len() - 1]
    }

    /// The ancestors, root first.
    pub(crate) fn parents(&self) -> &[String] {
        &self.ids[..self.ids.len() - 1]
    }
}

/// `20260105T164601068924Z`, with microseconds and without a period before them.
fn read_time(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_at_checked(15)?;
    let fraction = fraction.strip_suffix('Z')?;
    parse_us(&format!("{whole}.{fraction}Z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: &str = "20260105T164601068924Z019b8f3c-0000-7000-8000-000000000001";
    const CHILD: &str = "20260105T164601100000Z019b8f3c-0000-7000-8000-00000000000A";

    #[test]
    fn the_parts_are_the_ancestors_and_the_run_itself() {
        let order = DottedOrder::parse(&format!("{ROOT}.{CHILD}")).unwrap();
        assert_eq!(order.trace_id(), "019b8f3c-0000-7000-8000-000000000001");
        assert_eq!(order.run_id(), "019b8f3c-0000-7000-8000-00000000000a");
        assert_eq!(order.parents(), [order.trace_id()]);
        assert_eq!(order.start_us, 1_767_631_561_100_000);
        assert_eq!(DottedOrder::parse(ROOT).unwrap().parents(), [""; 0]);
    }

    #[test]
    fn what_has_another_form_is_refused_with_the_form_that_is_expected() {
        let deep = [ROOT; 101].join(".");
        for text in [
            "",
            ".",
            "019b8f3c-0000-7000-8000-000000000001",
            &ROOT[..57],
            "20260105T164601068924X019b8f3c-0000-7000-8000-000000000001",
            "20261305T164601068924Z019b8f3c-0000-7000-8000-000000000001",
            "ä0260105T16460106892Z019b8f3c-0000-7000-8000-000000000001",
            &format!("{ROOT}."),
            &deep,
        ] {
            assert!(DottedOrder::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,120}") {
            let _ = DottedOrder::parse(&text);
        }
    }
}
