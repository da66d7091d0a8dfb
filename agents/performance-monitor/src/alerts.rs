//! Responsible for alerts in words: which figures are under watch, what shows the cause, what a person can do.
//! It does not decide when one begins or ends: `threshold` does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use agent_sdk::{Alert, AlertState, Severity};
use serde_json::{Value, json};

use crate::figures::{Figures, bytes_in_words};
use crate::mounts::DiskSpace;
use crate::settings::{Limits, Settings};
use crate::survey::{Culprit, NAMED_MAX, Survey, as_evidence};
use crate::threshold::{Change, Watch};
use crate::tree_figures::Tree;

/// What the key of each filesystem's alert begins with; its mount follows.
const DISK_KEY: &str = "host/disk_percent:";

/// All figures under watch, from round to round.
#[derive(Debug)]
pub(crate) struct Alerts {
    cpu: Limits,
    memory: Limits,
    disk: Limits,
    cooldown: Duration,
    /// An earlier process of this agent may have left alerts behind.
    inherited: bool,
    watches: BTreeMap<String, Watch>,
    /// Taken while CPU is high, so that the next one can tell who used it.
    survey: Option<Survey>,
}

/// One value to be judged, and what to say of it.
struct Finding<'a> {
    key: String,
    what: String,
    value: f64,
    limits: Limits,
    evidence: &'a dyn Fn() -> (Value, String),
}

impl Alerts {
    pub(crate) fn new(settings: &Settings, inherited: bool) -> Self {
        Alerts {
            cpu: settings.cpu,
            memory: settings.memory,
            disk: settings.disk,
            cooldown: settings.cooldown,
            inherited,
            watches: BTreeMap::new(),
            survey: None,
        }
    }

    /// How many alerts fire.
    pub(crate) fn firing(&self) -> usize {
        let firing = |watch: &&Watch| watch.firing().is_some();
        self.watches.values().filter(firing).count()
    }

    /// Judges CPU and memory. `subjects` tells whose a process is, `trees` what each agent uses.
    pub(crate) fn judge_host(
        &mut self,
        figures: &Figures,
        subjects: &BTreeMap<i32, String>,
        trees: &BTreeMap<String, Tree>,
        now: Instant,
    ) -> Vec<Alert> {
        let explain = |culprits: &[Culprit], figure: &str| {
            let processes = as_evidence(culprits, figure, subjects);
            json!({"top_processes": processes, "top_agents": rank_trees(trees, figure)})
        };
        let mut alerts = Vec::new();
        if let Some(&value) = figures.get("cpu_percent") {
            let before = self.survey.take();
            self.survey = (value >= self.cpu.warning).then(Survey::take);
            let culprits = match (&before, &self.survey) {
                (Some(before), Some(survey)) => survey.by_cpu(before),
                _ => Vec::new(),
            };
            let finding = Finding {
                key: "host/cpu_percent".to_owned(),
                what: "CPU".to_owned(),
                value,
                limits: self.cpu,
                evidence: &|| {
                    let advice = advise(&culprits, "add cores", |percent| {
                        format!("uses {percent:.0} % of a core")
                    });
                    (explain(&culprits, "cpu_percent"), advice)
                },
            };
            alerts.extend(self.judge(finding, now));
        }
        if let Some(&value) = figures.get("memory_percent") {
            let finding = Finding {
                key: "host/memory_percent".to_owned(),
                what: "memory".to_owned(),
                value,
                limits: self.memory,
                evidence: &|| {
                    let culprits = Survey::take().by_memory();
                    let advice = advise(&culprits, "add memory", |bytes| {
                        format!("holds {}", bytes_in_words(bytes))
                    });
                    (explain(&culprits, "rss_bytes"), advice)
                },
            };
            alerts.extend(self.judge(finding, now));
        }
        alerts
    }

    /// Judges all filesystems; those that were there before and are not any more have no alert either.
    pub(crate) fn judge_disks(&mut self, spaces: &[DiskSpace], now: Instant) -> Vec<Alert> {
        let mut alerts = Vec::new();
        let mut present = BTreeSet::new();
        for space in spaces {
            let Some(value) = space.percent() else {
                continue;
            };
            let key = format!("{DISK_KEY}{}", space.mount);
            present.insert(key.clone());
            let finding = Finding {
                key,
                what: format!("the filesystem on {}", space.mount),
                value,
                limits: self.disk,
                evidence: &|| explain_disk(space),
            };
            alerts.extend(self.judge(finding, now));
        }
        let gone = |key: &String| key.starts_with(DISK_KEY) && !present.contains(key);
        for (key, mut watch) in self.watches.extract_if(.., |key, _| gone(key)) {
            if watch.end(now).is_some() {
                alerts.push(Alert {
                    key,
                    severity: Severity::Warning,
                    state: AlertState::Resolved,
                    message: "the filesystem is not there any more".to_owned(),
                    value: None,
                    threshold: None,
                    evidence: Value::Null,
                    recommendation: None,
                });
            }
        }
        alerts
    }

    fn judge(&mut self, finding: Finding<'_>, now: Instant) -> Option<Alert> {
        let (limits, cooldown, inherited) = (finding.limits, self.cooldown, self.inherited);
        let watch = self
            .watches
            .entry(finding.key.clone())
            .or_insert_with(|| Watch::new(limits, cooldown, inherited));
        let severity_before = watch.firing();
        let change = watch.judge(finding.value, now)?;
        let severity = watch.firing().or(severity_before);
        let severity = severity.unwrap_or(Severity::Warning);
        let threshold = match severity {
            Severity::Warning => limits.warning,
            Severity::Critical => limits.critical,
        };
        let (what, value) = (&finding.what, finding.value);
        if change == Change::Resolved {
            let end = limits.warning - limits.hysteresis;
            return Some(Alert {
                key: finding.key,
                severity,
                state: AlertState::Resolved,
                message: format!("{what} is at {value:.0} %, the alert ends below {end} %"),
                value: Some(value),
                threshold: Some(limits.warning),
                evidence: Value::Null,
                recommendation: None,
            });
        }
        let word = match (change, severity) {
            (Change::Eased, _) => "no longer critical; warning",
            (_, Severity::Warning) => "warning",
            (_, Severity::Critical) => "critical",
        };
        let (evidence, recommendation) = (finding.evidence)();
        Some(Alert {
            key: finding.key,
            severity,
            state: AlertState::Firing,
            message: format!("{what} is at {value:.0} % ({word} from {threshold} %)"),
            value: Some(value),
            threshold: Some(threshold),
            evidence,
            recommendation: Some(recommendation),
        })
    }
}

/// What a person can do about the first of those that use the most.
fn advise(culprits: &[Culprit], otherwise: &str, use_in_words: impl Fn(f64) -> String) -> String {
    match culprits.first() {
        Some(first) => format!(
            "Look at {} (pid {}), which {}: stop or limit it, or {otherwise}.",
            first.name,
            first.pid,
            use_in_words(first.value)
        ),
        None => format!("Look at what runs with `top`: stop or limit it, or {otherwise}."),
    }
}

/// The agents that use the most, the coordinator among them.
fn rank_trees(trees: &BTreeMap<String, Tree>, figure: &str) -> Value {
    let mut ranked: Vec<(&String, f64)> = trees
        .iter()
        .filter_map(|(subject, tree)| Some((subject, *tree.figures.get(figure)?)))
        .filter(|(_, value)| *value > 0.0)
        .collect();
    ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let rows = ranked.into_iter().take(NAMED_MAX).map(|(subject, value)| {
        let mut row = json!({"subject": subject});
        row[figure] = json!(value);
        row
    });
    rows.collect()
}

fn explain_disk(space: &DiskSpace) -> (Value, String) {
    let evidence = json!({
        "mount": space.mount,
        "device": space.device,
        "filesystem": space.kind,
        "used_bytes": space.used_bytes,
        "available_bytes": space.available_bytes,
    });
    let advice = format!(
        "{} are left. Find what fills it with `du -xh {} | sort -h | tail`, delete or move it, or enlarge the filesystem.",
        bytes_in_words(space.available_bytes as f64),
        space.mount
    );
    (evidence, advice)
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn alerts(flags: &[&str]) -> Alerts {
        let command = Settings::augment_args(Command::new("monitor"));
        let matches = command.get_matches_from(["monitor"].iter().chain(flags));
        Alerts::new(&Settings::from_arg_matches(&matches).unwrap(), false)
    }

    fn disk(mount: &str, used_bytes: u64) -> DiskSpace {
        DiskSpace {
            mount: mount.to_owned(),
            device: "/dev/sda1".to_owned(),
            kind: "ext4".to_owned(),
            used_bytes,
            available_bytes: 100 - used_bytes,
        }
    }

    #[test]
    fn a_full_disk_is_told_with_what_shows_it_and_what_to_do_and_ends_with_the_mount() {
        let mut alerts = alerts(&[]);
        let now = Instant::now();
        let found = alerts.judge_disks(&[disk("/", 10), disk("/data", 96)], now);
        assert_eq!(found.len(), 1, "{found:?}");
        let alert = &found[0];
        assert_eq!(
            (alert.key.as_str(), alert.severity, alert.state),
            (
                "host/disk_percent:/data",
                Severity::Critical,
                AlertState::Firing
            )
        );
        assert_eq!((alert.value, alert.threshold), (Some(96.0), Some(95.0)));
        assert_eq!(alert.evidence["available_bytes"], 4);
        assert!(alert.recommendation.as_ref().unwrap().contains("/data"));
        assert_eq!(alerts.firing(), 1);
        let found = alerts.judge_disks(&[disk("/", 10)], now);
        assert_eq!(found[0].state, AlertState::Resolved);
        assert_eq!(alerts.firing(), 0);
    }

    #[test]
    fn busy_cores_are_told_with_the_processes_that_use_them() {
        let mut alerts = alerts(&["--cpu-samples=2"]);
        let begin = Instant::now();
        let pid = i32::try_from(std::process::id()).unwrap();
        let subjects = BTreeMap::from([(pid, "agent:me".to_owned())]);
        let none = BTreeMap::new();
        let high = Figures::from([("cpu_percent".to_owned(), 95.0)]);
        assert_eq!(alerts.judge_host(&high, &subjects, &none, begin), []);
        // Uses a few ticks, so that this process is among those that are named.
        while begin.elapsed() < Duration::from_millis(200) {
            std::hint::spin_loop();
        }
        let found = alerts.judge_host(&high, &subjects, &none, Instant::now());
        let top = found[0].evidence["top_processes"].as_array().unwrap();
        assert!(!top.is_empty() && top.len() <= 5, "{top:?}");
        assert!(top[0]["cpu_percent"].as_f64() > Some(0.0), "{top:?}");
        let mine = top.iter().find(|row| row["pid"] == pid);
        assert!(
            mine.is_none_or(|row| row["subject"] == "agent:me"),
            "{top:?}"
        );
        let low = Figures::from([("cpu_percent".to_owned(), 1.0)]);
        assert_eq!(
            alerts.judge_host(&low, &subjects, &none, Instant::now()),
            []
        );
        let found = alerts.judge_host(&low, &subjects, &none, Instant::now());
        assert_eq!(
            (found[0].state, found[0].severity),
            (AlertState::Resolved, Severity::Critical)
        );
    }

    #[test]
    fn scarce_memory_is_told_with_the_largest_processes() {
        let mut alerts = alerts(&[]);
        let figures = Figures::from([("memory_percent".to_owned(), 80.0)]);
        let tree = |pid: i32, bytes: f64| Tree {
            oldest: crate::cpu_time::Identity { pid, started: 1 },
            figures: Figures::from([("rss_bytes".to_owned(), bytes)]),
        };
        let trees = [("agent:a", tree(1, 5.0)), ("agent:b", tree(2, 9.0))];
        let trees = trees
            .map(|(subject, tree)| (subject.to_owned(), tree))
            .into();
        let found = alerts.judge_host(&figures, &BTreeMap::new(), &trees, Instant::now());
        assert_eq!(found[0].message, "memory is at 80 % (warning from 75 %)");
        let agents = &found[0].evidence["top_agents"];
        assert_eq!(
            *agents,
            json!([{"subject": "agent:b", "rss_bytes": 9.0}, {"subject": "agent:a", "rss_bytes": 5.0}])
        );
        let top = &found[0].evidence["top_processes"];
        assert!(
            top[0]["rss_bytes"].as_f64() >= top[1]["rss_bytes"].as_f64(),
            "{top}"
        );
    }
}
