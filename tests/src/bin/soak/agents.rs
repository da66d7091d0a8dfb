//! The agents of the soak: good ones, and one for each way to misbehave.
//! When they are troubled from outside is chosen in `troubles`.

use end_to_end::AgentsFile;

/// Agents that never end by themselves: whatever happens to others, these run on.
pub(crate) const STEADY: [&str; 5] = ["steady:0", "steady:1", "steady:2", "steady:3", "steady:4"];
/// Whom verbs and signals may hit.
pub(crate) const VICTIMS: [&str; 8] = [
    "crasher", "flooder", "hanger", "forker", "leaver", "deaf", "many:*", "sleeper",
];

/// Failures never use up the restarts: the trouble has to go on. Small limits, so that all that is to be removed is removed within minutes.
const DEFAULTS: &str = "\
backoff_initial = \"100ms\"
backoff_max = \"3s\"
restarts_max = 1000000
short_lived_max = 1000000
log_bytes_max = \"1MiB\"
log_files_max = 2
";
const RETENTION: &str = "\
[coordinator.retention]
heartbeats = \"2m\"
points = \"2m\"
events = \"3m\"
events_max = 20000
invocations = \"3m\"
invocations_kept = 50
";

/// How agents.toml differs from one reload to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) has_guest: bool,
    pub(crate) many: u64,
    pub(crate) stop_timeout_ms: u64,
    pub(crate) is_broken: bool,
}

impl Default for Variant {
    fn default() -> Self {
        Self {
            has_guest: false,
            many: 40,
            stop_timeout_ms: 300,
            is_broken: false,
        }
    }
}

pub(crate) fn agents(variant: Variant) -> AgentsFile {
    let quick = "heartbeat_timeout = \"2s\"\nwatchdog_grace = \"200ms\"\n";
    let stop = format!("stop_timeout = \"{}ms\"\n", variant.stop_timeout_ms);
    let mut file = AgentsFile::new()
        .defaults(DEFAULTS)
        .coordinator(RETENTION)
        .puppet(
            "steady",
            "instances = 5\nheartbeat_timeout = \"10s\"\n",
            &["live=100ms"],
        )
        .puppet("crasher", "", &["beat=5/20ms", "exit=1"])
        .puppet(
            "flooder",
            "",
            &["heartbeat", "lines=200000", "beat=20/100ms", "exit=0"],
        )
        .puppet("hanger", quick, &["beat=10/50ms", "hang"])
        .puppet(
            "forker",
            "",
            &["child=kids", "orphans=20", "beat=20/50ms", "exit=3"],
        )
        .puppet(
            "leaver",
            // What it leaves lives as long as the coordinator: only verbs start it again.
            "restart = \"never\"\n",
            &["leave=left", "beat=20/50ms", "exit=0"],
        )
        .puppet("deaf", &stop, &["ignore=TERM", "live=100ms"])
        .puppet(
            "talker",
            "",
            &[
                "raw=\\xff\\xfe\\x00\\n",
                "long-line=2000000",
                "deep=2000",
                "live=200ms",
            ],
        )
        .puppet(
            "many",
            &format!("instances = {}\n", variant.many),
            &["live=1s"],
        )
        .plain("sleeper", "", &["sleep", "1000000"])
        .plain("brief", "", &["/bin/true"])
        .plain("missing", "", &["/nonexistent/program"]);
    if variant.has_guest {
        file = file.puppet("guest", "", &["live=100ms"]);
    }
    if variant.is_broken {
        file = file.puppet("wrong", "instanzes = 3\n", &["live=100ms"]);
    }
    file
}
