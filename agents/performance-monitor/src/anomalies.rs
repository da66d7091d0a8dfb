//! Responsible for anomalies in words: which figures are tested, and what is said of a jump.
//! It does not decide what a jump is: `anomaly` does.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use crate::anomaly::{Baseline, Rules};
use crate::cpu_time::Identity;
use crate::figures::{Figures, bytes_in_words, hundredths};

const MIB: f64 = 1024.0 * 1024.0;

/// The tested figures. The smallest deviation that means anything: a point of CPU; for memory 2 MiB, and a fiftieth of
/// what is usual.
const TESTED: [&str; 3] = ["cpu_percent", "memory_used_bytes", "rss_bytes"];

/// A jump, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) message: String,
    pub(crate) data: Value,
}

/// What is usual for each subject, from round to round.
#[derive(Debug)]
pub(crate) struct Anomalies {
    rules: Rules,
    subjects: BTreeMap<String, Usual>,
}

#[derive(Debug)]
struct Usual {
    /// A program that was started anew has another past.
    oldest: Option<Identity>,
    baselines: BTreeMap<&'static str, Baseline>,
}

impl Anomalies {
    pub(crate) fn new(rules: Rules) -> Self {
        Anomalies {
            rules,
            subjects: BTreeMap::new(),
        }
    }

    /// Compares the figures of one subject with what is usual for it.
    pub(crate) fn judge(
        &mut self,
        subject: &str,
        oldest: Option<Identity>,
        figures: &Figures,
        now: Instant,
    ) -> Vec<Finding> {
        if self
            .subjects
            .get(subject)
            .is_none_or(|usual| usual.oldest != oldest)
        {
            let usual = Usual {
                oldest,
                baselines: BTreeMap::new(),
            };
            self.subjects.insert(subject.to_owned(), usual);
        }
        let usual = self
            .subjects
            .get_mut(subject)
            .expect("the subject was inserted above");
        let mut findings = Vec::new();
        for name in TESTED {
            let Some(&value) = figures.get(name) else {
                continue;
            };
            let baseline = usual.baselines.entry(name).or_default();
            let step = |median: f64| smallest_step(name, median);
            if let Some(found) = baseline.judge(value, step, &self.rules, now) {
                let message = format!(
                    "{name} of {subject} is {}, usual is {}",
                    in_words(name, found.value),
                    in_words(name, found.median)
                );
                let data = json!({
                    "subject": subject,
                    "figure": name,
                    "value": found.value,
                    "median": hundredths(found.median),
                    "mad": hundredths(found.mad),
                    "score": hundredths(found.score),
                    "score_min": self.rules.score_min,
                    "samples": found.samples,
                });
                findings.push(Finding { message, data });
            }
        }
        findings
    }

    /// Forgets subjects that are gone.
    pub(crate) fn keep(&mut self, is_present: impl Fn(&str) -> bool) {
        self.subjects.retain(|subject, _| is_present(subject));
    }
}

fn smallest_step(name: &str, median: f64) -> f64 {
    if name.ends_with("_bytes") {
        (median / 50.0).max(2.0 * MIB)
    } else {
        1.0
    }
}

fn in_words(name: &str, value: f64) -> String {
    if name.ends_with("_bytes") {
        bytes_in_words(value)
    } else {
        format!("{value:.1} %")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn anomalies() -> Anomalies {
        Anomalies::new(Rules {
            score_min: 8.0,
            history: 8,
            window: 20,
            cooldown: Duration::from_secs(60),
        })
    }

    fn rss(mebibytes: f64) -> Figures {
        Figures::from([("rss_bytes".to_owned(), mebibytes * MIB)])
    }

    fn started(started: u64) -> Option<Identity> {
        Some(Identity { pid: 7, started })
    }

    #[test]
    fn an_agent_that_swells_is_told_with_the_evidence() {
        let (mut anomalies, now) = (anomalies(), Instant::now());
        for _ in 0..8 {
            assert_eq!(anomalies.judge("agent:a", started(1), &rss(100.0), now), []);
        }
        assert_eq!(anomalies.judge("agent:a", started(1), &rss(300.0), now), []);
        let found = anomalies.judge("agent:a", started(1), &rss(300.0), now);
        assert_eq!(
            found[0].message,
            "rss_bytes of agent:a is 300.0 MiB, usual is 100.0 MiB"
        );
        assert_eq!(found[0].data["score"], 100.0, "200 MiB in steps of 2 MiB");
        assert_eq!(found[0].data["mad"], 0.0);
        assert_eq!(found[0].data["median"], 100.0 * MIB);
    }

    #[test]
    fn a_program_started_anew_has_no_past() {
        let (mut anomalies, now) = (anomalies(), Instant::now());
        for _ in 0..8 {
            anomalies.judge("agent:a", started(1), &rss(1.0), now);
        }
        for _ in 0..8 {
            assert_eq!(anomalies.judge("agent:a", started(2), &rss(300.0), now), []);
        }
        anomalies.keep(|subject| subject != "agent:a");
        assert!(anomalies.subjects.is_empty());
    }
}
