//! The figures as a table: what was measured, the goal, and whether it is met.
//! It measures nothing.

use std::fmt::Write as _;

/// One line of the table.
pub(crate) struct Figure {
    /// The goal's number in the table of goals, such as `P1`.
    pub(crate) id: &'static str,
    /// What was measured, with its unit.
    pub(crate) what: String,
    /// What it came to.
    pub(crate) measured: String,
    /// The physical limit or yardstick measured in the same run.
    pub(crate) yardstick: String,
    /// What was wanted.
    pub(crate) goal: &'static str,
    /// Whether it is met; absent where there is no goal to meet.
    pub(crate) met: Option<bool>,
}

/// The document with the machine's description and all figures.
pub(crate) fn render(machine: &str, figures: &[Figure]) -> String {
    let mut text = String::from(
        "# Benchmarks\n\nWritten by `scripts/bench`, which anyone can run again. The machine is shared and noisy: compare the figures \
         with the yardstick beside them, measured in the same run, and not with another day's.\n\n",
    );
    let _ = writeln!(text, "Machine: {machine}\n");
    text.push_str("| # | figure | measured | yardstick in the same run | goal | met |\n|---|---|---|---|---|---|\n");
    for figure in figures {
        let met = match figure.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {met} |",
            figure.id, figure.what, figure.measured, figure.yardstick, figure.goal
        );
    }
    for (_, cause) in CAUSES.iter().filter(|(what, _)| {
        let is_unmet = |figure: &&Figure| figure.met == Some(false);
        figures
            .iter()
            .filter(is_unmet)
            .any(|figure| figure.what.contains(what))
    }) {
        let _ = writeln!(text, "\n{cause}");
    }
    text
}

/// Why a figure is not where it should be: part of its name, and the cause as far as it is known.
const CAUSES: [(&str, &str); 3] = [
    (
        "crash → first instruction",
        "Restarting: the median is that of the bare loop; in the slowest of two hundred the threads that write the database and the logs were \
         given one of the two cores at that moment.",
    ),
    (
        "agents stopped",
        "Stopping costs more than in the bare loop, as each stop is recorded before the coordinator ends: three signals (stop, CONT, and KILL \
         for what is left of the group), the end of the invocation, the new state and an event for each agent, and the last transaction with \
         its checkpoint.",
    ),
    (
        "quiet agents",
        "With quiet agents what is left is the coordinator's own sign of life: one row every two seconds, by which the dashboard tells that it is \
         down.",
    ),
];

/// Processor, cores, memory, kernel and system, as the machine names them.
pub(crate) fn describe_machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let value_of = |text: &str, key: &str| {
        text.lines()
            .find(|line| line.starts_with(key))
            .and_then(|line| line.split_once([':', '=']))
            .map(|(_, value)| value.trim().trim_matches('"').to_owned())
    };
    let cpuinfo = read("/proc/cpuinfo");
    let processor = value_of(&cpuinfo, "model name").unwrap_or_else(|| "unknown processor".into());
    let cores = cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let memory_kb: u64 = value_of(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| {
            text.split_whitespace()
                .next()
                .and_then(|number| number.parse().ok())
        })
        .unwrap_or(0);
    let system = value_of(&read("/etc/os-release"), "PRETTY_NAME")
        .unwrap_or_else(|| "unknown system".into());
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    format!(
        "{processor}, {cores} cores, {} GiB, {system}, Linux {kernel}",
        memory_kb / 1_048_576
    )
}

/// The value below which a share of the sorted samples lies.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index within the samples"
    )]
    let index = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[index]
}
