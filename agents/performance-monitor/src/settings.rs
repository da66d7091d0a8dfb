//! Responsible for what a user can set, and for refusing what makes no sense together.
//! It does not act on any of it.

use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};

/// The monitor's settings; they hold together.
#[derive(Args, Clone, Debug)]
struct Given {
    /// Time from one round of measuring to the next
    #[arg(long, env = "PERFORMANCE_MONITOR_INTERVAL", default_value = "5s", value_parser = |text: &str| read_time(text, "200ms", "1h"))]
    interval: Duration,
    /// Time between measurements of PSS, which cost as much as all others together
    #[arg(long, env = "PERFORMANCE_MONITOR_PSS_INTERVAL", default_value = "30s", value_parser = |text: &str| read_time(text, "200ms", "24h"))]
    pss_interval: Duration,
    /// CPU of the host that raises a warning
    #[arg(long, env = "PERFORMANCE_MONITOR_CPU_WARNING_PERCENT", default_value = "70", value_parser = read_percent)]
    cpu_warning_percent: f64,
    /// CPU of the host that is critical
    #[arg(long, env = "PERFORMANCE_MONITOR_CPU_CRITICAL_PERCENT", default_value = "90", value_parser = read_percent)]
    cpu_critical_percent: f64,
    /// Rounds in a row that CPU has to be over (or under) a threshold before it counts
    #[arg(long, env = "PERFORMANCE_MONITOR_CPU_SAMPLES", default_value = "3", value_parser = clap::value_parser!(u32).range(2..=1000))]
    cpu_samples: u32,
    /// Memory in use that raises a warning
    #[arg(long, env = "PERFORMANCE_MONITOR_MEMORY_WARNING_PERCENT", default_value = "75", value_parser = read_percent)]
    memory_warning_percent: f64,
    /// Memory in use that is critical
    #[arg(long, env = "PERFORMANCE_MONITOR_MEMORY_CRITICAL_PERCENT", default_value = "90", value_parser = read_percent)]
    memory_critical_percent: f64,
    /// Use of a filesystem that raises a warning
    #[arg(long, env = "PERFORMANCE_MONITOR_DISK_WARNING_PERCENT", default_value = "80", value_parser = read_percent)]
    disk_warning_percent: f64,
    /// Use of a filesystem that is critical
    #[arg(long, env = "PERFORMANCE_MONITOR_DISK_CRITICAL_PERCENT", default_value = "95", value_parser = read_percent)]
    disk_critical_percent: f64,
    /// How far below its threshold a figure has to fall before the alert ends, in percentage points
    #[arg(long, env = "PERFORMANCE_MONITOR_HYSTERESIS_PERCENT", default_value = "5", value_parser = read_percent)]
    hysteresis_percent: f64,
    /// Time after the end of an alert in which it is not raised again; also between two anomalies of one figure
    #[arg(long, env = "PERFORMANCE_MONITOR_COOLDOWN", default_value = "5m", value_parser = |text: &str| read_time(text, "0s", "24h"))]
    cooldown: Duration,
    /// Distance from the median that is an anomaly, in robust standard deviations
    #[arg(long, env = "PERFORMANCE_MONITOR_ANOMALY_SCORE", default_value = "8", value_parser = read_score)]
    anomaly_score: f64,
    /// Rounds of which the anomaly test knows
    #[arg(long, env = "PERFORMANCE_MONITOR_ANOMALY_WINDOW_SAMPLES", default_value = "120", value_parser = clap::value_parser!(u32).range(8..=10_000))]
    anomaly_window_samples: u32,
    /// Rounds before the anomaly test says anything
    #[arg(long, env = "PERFORMANCE_MONITOR_ANOMALY_HISTORY_SAMPLES", default_value = "24", value_parser = clap::value_parser!(u32).range(8..=10_000))]
    anomaly_history_samples: u32,
    /// Process id of a coordinator to watch [default: the parent of this process, when a coordinator started it]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    coordinator_pid: Option<i32>,
}

/// The monitor's settings: parsed, and consistent with one another.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) interval: Duration,
    pub(crate) pss_interval: Duration,
    pub(crate) cpu: Limits,
    pub(crate) memory: Limits,
    pub(crate) disk: Limits,
    pub(crate) cooldown: Duration,
    pub(crate) anomaly_score: f64,
    pub(crate) anomaly_window_samples: usize,
    pub(crate) anomaly_history_samples: usize,
    pub(crate) coordinator_pid: Option<i32>,
}

/// The thresholds of one figure, in percent; the hysteresis lies below the warning, that below critical.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    pub(crate) warning: f64,
    pub(crate) critical: f64,
    pub(crate) hysteresis: f64,
    /// Samples in a row before a change counts.
    pub(crate) samples: u32,
}

impl Given {
    fn settle(self) -> Result<Settings, String> {
        let limits = |name: &str, warning: f64, critical: f64, samples| {
            if warning >= critical {
                return Err(format!(
                    "--{name}-warning-percent is {warning} and --{name}-critical-percent {critical}: the warning has to be lower"
                ));
            }
            if self.hysteresis_percent >= warning {
                return Err(format!(
                    "--hysteresis-percent is {} and --{name}-warning-percent {warning}: the alert could never end",
                    self.hysteresis_percent
                ));
            }
            Ok(Limits {
                warning,
                critical,
                hysteresis: self.hysteresis_percent,
                samples,
            })
        };
        if self.anomaly_history_samples > self.anomaly_window_samples {
            return Err(format!(
                "--anomaly-history-samples is {} and --anomaly-window-samples {}: the window has to hold the history",
                self.anomaly_history_samples, self.anomaly_window_samples
            ));
        }
        Ok(Settings {
            cpu: limits(
                "cpu",
                self.cpu_warning_percent,
                self.cpu_critical_percent,
                self.cpu_samples,
            )?,
            memory: limits(
                "memory",
                self.memory_warning_percent,
                self.memory_critical_percent,
                1,
            )?,
            disk: limits(
                "disk",
                self.disk_warning_percent,
                self.disk_critical_percent,
                1,
            )?,
            interval: self.interval,
            pss_interval: self.pss_interval,
            cooldown: self.cooldown,
            anomaly_score: self.anomaly_score,
            anomaly_window_samples: self.anomaly_window_samples as usize,
            anomaly_history_samples: self.anomaly_history_samples as usize,
            coordinator_pid: self.coordinator_pid,
        })
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Given::from_arg_matches(matches)?
            .settle()
            .map_err(|wrong| clap::Error::raw(ErrorKind::ValueValidation, format!("{wrong}\n")))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        Given::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Given::augment_args_for_update(command)
    }
}

fn read_percent(text: &str) -> Result<f64, String> {
    match text.trim().trim_end_matches('%').trim_end().parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected a number from 0 to 100".to_owned()),
    }
}

fn read_score(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(score) if (1.0..=1e6).contains(&score) => Ok(score),
        _ => Err("expected a number from 1 to 1000000; 3 sees much, 8 sees jumps".to_owned()),
    }
}

fn read_time(text: &str, least: &str, most: &str) -> Result<Duration, String> {
    let bound = |text| parse_time(text).expect("the bounds above are well formed");
    parse_time(text)
        .filter(|time| (bound(least)..=bound(most)).contains(time))
        .ok_or_else(|| format!("expected a time such as 500ms, 5s or 10m, from {least} to {most}"))
}

/// A whole number with one of the units ms, s, m, h.
fn parse_time(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(unit_ms).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &[&str]) -> Result<Settings, clap::Error> {
        let command = Settings::augment_args(Command::new("monitor"));
        let flags = ["monitor"].iter().chain(flags);
        Settings::from_arg_matches(&command.try_get_matches_from(flags)?)
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let found = parse(&[]).unwrap();
        let pair = |limits: Limits| (limits.warning, limits.critical);
        assert_eq!(found.interval, Duration::from_secs(5));
        assert_eq!(pair(found.cpu), (70.0, 90.0));
        assert_eq!(pair(found.memory), (75.0, 90.0));
        assert_eq!(pair(found.disk), (80.0, 95.0));
    }

    #[test]
    fn settings_that_contradict_one_another_are_refused_with_both_names() {
        for (flags, first, second) in [
            (
                ["--cpu-warning-percent=90", "--cpu-critical-percent=90"],
                "--cpu-warning-percent is 90",
                "--cpu-critical-percent 90",
            ),
            (
                ["--disk-warning-percent=4", "--hysteresis-percent=4"],
                "--hysteresis-percent is 4",
                "--disk-warning-percent 4",
            ),
            (
                [
                    "--anomaly-window-samples=10",
                    "--anomaly-history-samples=11",
                ],
                "--anomaly-history-samples is 11",
                "--anomaly-window-samples 10",
            ),
        ] {
            let message = parse(&flags).unwrap_err().to_string();
            assert!(
                message.contains(first) && message.contains(second),
                "{message}"
            );
        }
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_what_is_expected() {
        for (flag, expected) in [
            ("--interval=0s", "from 200ms to 1h"),
            ("--interval=5", "such as 500ms, 5s"),
            ("--cpu-warning-percent=101", "from 0 to 100"),
            ("--cpu-warning-percent=NaN", "from 0 to 100"),
            ("--cpu-samples=1", "2..=1000"),
            ("--coordinator-pid=0", "--coordinator-pid"),
        ] {
            let message = parse(&[flag]).unwrap_err().to_string();
            assert!(message.contains(expected), "{flag}: {message}");
        }
    }
}
