//! Responsible for being an agent: settings in, rounds of measuring, and what each heartbeat says.
//! It does not know how anything is measured or judged.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use agent_sdk::{Agent, AgentError, Beat, Context, Level};

use crate::alerts::Alerts;
use crate::anomalies::Anomalies;
use crate::anomaly::Rules;
use crate::figures::Figures;
use crate::host::{HostReading, read_host};
use crate::host_figures::host_figures;
use crate::mounts::{DiskSpace, read_disk_spaces};
use crate::processes::{ProcessTable, find_coordinator};
use crate::settings::Settings;
use crate::tree_figures::Tree;

/// Between the two samples of the first round: CPU counts in ticks of usually 10 ms, so less would be coarse, and more
/// would keep a person waiting.
const FIRST_SPAN: Duration = Duration::from_millis(500);

const HOST: &str = "host";

/// The agent that measures this machine, the coordinator and every agent.
#[derive(Debug)]
pub struct PerformanceMonitor {
    settings: Settings,
    before: Option<HostReading>,
    /// From the start of the last round to its sample: the first round takes another one before.
    sampled_after: Duration,
    /// Nothing when the monitor runs alone.
    processes: Option<ProcessTable>,
    alerts: Alerts,
    anomalies: Anomalies,
}

impl Agent for PerformanceMonitor {
    const NAME: &'static str = "performance-monitor";
    const ABOUT: &'static str = "Measures this machine, the coordinator and every agent: CPU, load, memory, swap, disks, network and pressure; \
        CPU, memory, threads and descriptors of each agent's processes. Raises alerts at thresholds and tells of jumps";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type Settings = Settings;

    async fn start(settings: Settings, context: &Context) -> Result<Self, AgentError> {
        let parent = || context.is_supervised().then(find_coordinator).flatten();
        let coordinator = settings.coordinator_pid.or_else(parent);
        let rules = Rules {
            score_min: settings.anomaly_score,
            history: settings.anomaly_history_samples,
            window: settings.anomaly_window_samples,
            cooldown: settings.cooldown,
        };
        Ok(PerformanceMonitor {
            alerts: Alerts::new(&settings, context.is_supervised()),
            anomalies: Anomalies::new(rules),
            processes: coordinator.map(ProcessTable::new),
            before: None,
            sampled_after: Duration::ZERO,
            settings,
        })
    }

    async fn cycle(&mut self, context: &Context) -> Result<Beat, AgentError> {
        let round_began = Instant::now();
        let before = match self.before.take() {
            Some(before) => before,
            None => self.take_first_sample(context).await,
        };
        let began = Instant::now();
        let now = read_host();
        self.sampled_after = now.at.saturating_duration_since(round_began);
        let host = host_figures(&before, &now);
        self.before = Some(now);
        if !host.contains_key("cpu_percent") && !host.contains_key("memory_percent") {
            return Err(AgentError::new(
                "/proc tells neither CPU nor memory; is it mounted?",
            ));
        }
        context.metrics(Some(HOST), host.clone());
        let disks = read_disk_spaces();
        for disk in &disks {
            context.metrics(Some(&disk.subject()), disk.figures());
        }
        let trees = match &mut self.processes {
            Some(processes) => processes.read(self.settings.pss_interval),
            None => BTreeMap::new(),
        };
        for (subject, tree) in &trees {
            context.metrics(Some(subject), tree.figures.clone());
        }
        self.raise_alerts(&host, &disks, &trees, context);
        self.tell_anomalies(&host, &trees, context);
        Ok(self.summarize(&host, &disks, &trees, began.elapsed()))
    }

    /// From sample to sample, not from round to round: a short span after the first round would be a coarse measurement.
    fn interval(&self) -> Duration {
        self.settings.interval + self.sampled_after
    }
}

impl PerformanceMonitor {
    /// Rates need two samples.
    async fn take_first_sample(&mut self, context: &Context) -> HostReading {
        let first = read_host();
        if let Some(processes) = &mut self.processes {
            processes.read(self.settings.pss_interval);
        }
        tokio::select! {
            () = tokio::time::sleep(FIRST_SPAN) => {}
            () = context.stopping() => {}
        }
        first
    }

    fn raise_alerts(
        &mut self,
        host: &Figures,
        disks: &[DiskSpace],
        trees: &BTreeMap<String, Tree>,
        context: &Context,
    ) {
        let now = Instant::now();
        let none = BTreeMap::new();
        let subjects = match &self.processes {
            Some(processes) => &processes.subjects,
            None => &none,
        };
        let mut alerts = self.alerts.judge_host(host, subjects, trees, now);
        alerts.extend(self.alerts.judge_disks(disks, now));
        for alert in alerts {
            context.alert(alert);
        }
    }

    fn tell_anomalies(
        &mut self,
        host: &Figures,
        trees: &BTreeMap<String, Tree>,
        context: &Context,
    ) {
        let now = Instant::now();
        let mut findings = self.anomalies.judge(HOST, None, host, now);
        for (subject, tree) in trees {
            let oldest = Some(tree.oldest);
            findings.extend(self.anomalies.judge(subject, oldest, &tree.figures, now));
        }
        self.anomalies
            .keep(|subject| subject == HOST || trees.contains_key(subject));
        for finding in findings {
            context.event_with_data(Level::Warn, "anomaly", finding.message, finding.data);
        }
    }

    fn summarize(
        &self,
        host: &Figures,
        disks: &[DiskSpace],
        trees: &BTreeMap<String, Tree>,
        took: Duration,
    ) -> Beat {
        let fullest = disks.iter().filter_map(DiskSpace::percent).reduce(f64::max);
        let agents = trees.keys().filter(|subject| subject.starts_with("agent:"));
        let (agents, alerts) = (agents.count(), self.alerts.firing());
        let mut words = Vec::new();
        let mut figures = Figures::new();
        for (word, name, value) in [
            ("cpu", "cpu_percent", host.get("cpu_percent").copied()),
            (
                "memory",
                "memory_percent",
                host.get("memory_percent").copied(),
            ),
            ("disk", "disk_percent_max", fullest),
        ] {
            if let Some(value) = value {
                words.push(format!("{word} {value:.0} %"));
                figures.insert(name.to_owned(), value);
            }
        }
        if let Some(&load) = host.get("load_1m") {
            figures.insert("load_1m".to_owned(), load);
        }
        figures.insert("alerts_count".to_owned(), alerts as f64);
        let took_ms = (took.as_secs_f64() * 10_000.0).round() / 10.0;
        figures.insert("cycle_ms".to_owned(), took_ms);
        if self.processes.is_some() && !trees.is_empty() {
            words.push(count_in_words(agents, "agent"));
            figures.insert("agents_count".to_owned(), agents as f64);
        }
        if alerts > 0 {
            words.push(count_in_words(alerts, "alert"));
        }
        let is_blind = self.processes.is_some() && trees.is_empty();
        let mut beat = if is_blind {
            words.push("the coordinator's processes cannot be seen from here".to_owned());
            Beat::degraded(words.join(", "))
        } else {
            Beat::ok(words.join(", "))
        };
        beat.metrics = figures;
        beat
    }
}

fn count_in_words(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
