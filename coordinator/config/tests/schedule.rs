//! Times of schedules: cron expressions in time zones with their changes of the clock, and intervals.

use std::path::Path;

use coordinator_config::{AgentConfig, Overlap, Restart, parse};

fn agent(lines: &str) -> AgentConfig {
    let text = format!("[agents.w]\ncommand = [\"w\"]\n{lines}\n");
    let config = parse(&text, Path::new("agents.toml"));
    config
        .unwrap_or_else(|errors| panic!("{errors}"))
        .agents
        .remove(0)
}

/// The next times after a moment, as RFC 3339 in UTC.
fn times(lines: &str, after: &str, count: usize) -> Vec<String> {
    let agent = agent(lines);
    let schedule = agent.schedule.expect("it has a schedule");
    let mut now: jiff::Timestamp = after.parse().expect("a time");
    let mut times = Vec::new();
    for _ in 0..count {
        let next = schedule.next_after_ms(now.as_millisecond(), agent.time_zone.as_ref());
        now = jiff::Timestamp::from_millisecond(next.expect("a time")).expect("a time");
        times.push(now.to_string());
    }
    times
}

#[test]
fn an_expression_has_five_fields_and_means_times_after_now() {
    let lines = "schedule = \"*/20 6 * * mon-fri\"\ntime_zone = \"UTC\"";
    assert_eq!(
        times(lines, "2026-11-27T06:20:00Z", 3),
        [
            "2026-11-27T06:40:00Z",
            "2026-11-30T06:00:00Z",
            "2026-11-30T06:20:00Z"
        ],
        "the time itself is over, and a weekend lies between"
    );
}

#[test]
fn the_time_zone_decides_what_an_hour_means() {
    let lines = "schedule = \"30 6 * * *\"\ntime_zone = \"Europe/Zurich\"";
    assert_eq!(
        times(lines, "2026-10-23T12:00:00Z", 3),
        [
            "2026-10-24T04:30:00Z",
            "2026-10-25T05:30:00Z",
            "2026-10-26T05:30:00Z"
        ],
        "summer time ends on the 25th"
    );
}

#[test]
fn an_hour_that_the_clock_leaves_out_or_repeats_gives_one_run() {
    let lines = "schedule = \"30 2 * * *\"\ntime_zone = \"Europe/Zurich\"";
    let spring = times(lines, "2026-03-28T12:00:00Z", 2);
    assert_eq!(spring[1], "2026-03-30T00:30:00Z", "{spring:?}");
    assert!(spring[0].starts_with("2026-03-29T01:"), "{spring:?}");
    let autumn = times(lines, "2026-10-24T12:00:00Z", 2);
    assert!(autumn[0].starts_with("2026-10-25T0"), "{autumn:?}");
    assert!(autumn[1].starts_with("2026-10-26T01:30"), "{autumn:?}");
}

#[test]
fn an_interval_counts_from_the_moment_before() {
    assert_eq!(
        times("schedule = \"every 1h30m\"", "2026-10-25T00:00:00Z", 2),
        ["2026-10-25T01:30:00Z", "2026-10-25T03:00:00Z"]
    );
}

#[test]
fn a_scheduled_agent_is_not_restarted_after_success_unless_it_says_otherwise() {
    let plain = agent("schedule = \"every 10s\"");
    assert_eq!(plain.restart, Restart::OnFailure);
    assert_eq!(plain.schedule_overlap, Overlap::Skip);
    let never =
        agent("schedule = \"every 10s\"\nrestart = \"never\"\nschedule_overlap = \"queue\"");
    assert_eq!(never.restart, Restart::Never);
    assert_eq!(never.schedule_overlap, Overlap::Queue);
}

#[test]
fn what_is_no_schedule_says_what_is_right() {
    for (lines, part) in [
        ("schedule = \"* * * *\"", "five fields"),
        ("schedule = \"* * * * * *\"", "five fields"),
        ("schedule = \"61 * * * *\"", "found \"61 * * * *\""),
        ("schedule = \"0 0 30 2 *\"", "never comes"),
        ("schedule = \"every 10\"", "\"every 10m\""),
        ("schedule = \"every 10ms\"", "\"1s\" to \"365d\""),
        ("schedule = 5", "in"),
        (
            "schedule = \"* * * * *\"\ntime_zone = \"Europe/Zuerich\"",
            "does not know",
        ),
        (
            "schedule = \"* * * * *\"\nrestart = \"always\"",
            "no effect with restart = \"always\"",
        ),
        (
            "schedule = \"every 5s\"\ntime_zone = \"UTC\"",
            "no effect with schedule = \"every",
        ),
        ("schedule_overlap = \"queue\"", "no effect without schedule"),
        ("time_zone = \"UTC\"", "no effect without schedule"),
    ] {
        let text = format!("[agents.w]\ncommand = [\"w\"]\n{lines}\n");
        let errors = parse(&text, Path::new("agents.toml")).expect_err(lines);
        assert_eq!(errors.problems.len(), 1, "{lines}: {errors}");
        assert!(errors.to_string().contains(part), "{lines}: {errors}");
    }
}
