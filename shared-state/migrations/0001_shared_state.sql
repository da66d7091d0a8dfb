-- Version 1. Times are milliseconds since 1970 UTC, taken by the coordinator when it read or did the thing.
-- docs/schema.md explains each table.

-- One row per start of a coordinator on this file.
CREATE TABLE incarnations (
    incarnation_id INTEGER PRIMARY KEY,
    host           TEXT    NOT NULL,
    pid            INTEGER NOT NULL,
    pid_start_ticks INTEGER NOT NULL,         -- field 22 of /proc/PID/stat: tells a reused pid from the old one
    version        TEXT    NOT NULL,
    started_ms     INTEGER NOT NULL,
    seen_ms        INTEGER NOT NULL,          -- last sign of life, refreshed every few seconds
    ended_ms       INTEGER,                   -- NULL while it runs and after a death without notice
    exit_reason    TEXT
) STRICT;

-- A configured program.
CREATE TABLE agents (
    agent_id      INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 128),
    protocol      TEXT    NOT NULL CHECK (protocol IN ('json', 'none')),
    command       TEXT    NOT NULL,           -- JSON array: program and arguments
    config        TEXT    NOT NULL,           -- JSON of its agents.toml table, secrets masked
    registered_ms INTEGER NOT NULL,
    removed_ms    INTEGER                     -- set when it is no longer in agents.toml
) STRICT;

-- One replica of an agent, and what is true of it now.
CREATE TABLE instances (
    instance_id   INTEGER PRIMARY KEY,
    agent_id      INTEGER NOT NULL REFERENCES agents (agent_id),
    ordinal       INTEGER NOT NULL CHECK (ordinal >= 0),
    name          TEXT    NOT NULL UNIQUE,    -- the agent's name, or NAME:ORDINAL where there are several
    goal          TEXT    NOT NULL CHECK (goal IN ('up', 'down')),
    state         TEXT    NOT NULL CHECK (state IN ('STOPPED', 'WAITING', 'STARTING', 'RUNNING', 'UNHEALTHY',
                                                    'BACKOFF', 'STOPPING', 'EXITED', 'FATAL')),
    reason        TEXT    NOT NULL,           -- why it is in this state, in words
    since_ms      INTEGER NOT NULL,           -- in this state since
    invocation_id INTEGER,                    -- the living one, or the last
    pid           INTEGER,                    -- only while a process lives
    started_ms    INTEGER,                    -- start of the living process
    next_attempt_ms INTEGER,                  -- in BACKOFF and FATAL; in WAITING and EXITED of one with a schedule its next run
    last_exit     TEXT,                       -- code or signal of the last invocation, in words
    restarts      INTEGER NOT NULL DEFAULT 0, -- invocations that followed an unwanted end, since registration
    heartbeat_timeout_ms INTEGER,             -- NULL where none is expected
    log_path      TEXT,                       -- the current log file
    removed_ms    INTEGER,                    -- set when agents.toml no longer asks for it
    CHECK (pid IS NULL OR state IN ('STARTING', 'RUNNING', 'UNHEALTHY', 'STOPPING')),
    UNIQUE (agent_id, ordinal)
) STRICT;

-- One process of an instance, from start to exit.
CREATE TABLE invocations (
    invocation_id  INTEGER PRIMARY KEY,
    instance_id    INTEGER NOT NULL REFERENCES instances (instance_id),
    incarnation_id INTEGER NOT NULL REFERENCES incarnations (incarnation_id),
    attempt        INTEGER NOT NULL,          -- 1 for the first after a healthy time, counts up with each failure
    is_restart     INTEGER NOT NULL DEFAULT 0 CHECK (is_restart IN (0, 1)), -- it follows an end that nobody asked for
    pid            INTEGER,                   -- NULL where the start failed
    pid_start_ticks INTEGER,
    started_ms     INTEGER NOT NULL,
    ready_ms       INTEGER,
    ended_ms       INTEGER,
    outcome        TEXT CHECK (outcome IN ('exited', 'signaled', 'spawn_failed', 'lost')),
    exit_code      INTEGER,
    signal         INTEGER,
    reason         TEXT,                      -- the outcome in words
    heartbeats     INTEGER NOT NULL DEFAULT 0,
    log_lines      INTEGER NOT NULL DEFAULT 0,
    truncated_lines INTEGER NOT NULL DEFAULT 0, -- longer than the line limit
    dropped_rows   INTEGER NOT NULL DEFAULT 0,  -- could not be stored
    CHECK ((ended_ms IS NULL) = (outcome IS NULL)),
    CHECK (outcome IS NOT 'exited' OR exit_code IS NOT NULL),
    CHECK (outcome IS NOT 'signaled' OR signal IS NOT NULL)
) STRICT;
CREATE INDEX invocations_by_instance ON invocations (instance_id, started_ms);
-- For counting restarts without reading the rows.
CREATE INDEX invocations_restarts ON invocations (instance_id, started_ms) WHERE is_restart = 1;
CREATE INDEX invocations_open ON invocations (instance_id) WHERE ended_ms IS NULL;

-- Raw heartbeats, append only. The id carries the time, (ms << 20) | n, so that a time range is a range of ids and
-- no second index is paid for: that is worth a factor of five in rows per second.
CREATE TABLE heartbeats (
    heartbeat_id  INTEGER PRIMARY KEY,
    instance_id   INTEGER NOT NULL,
    invocation_id INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2), -- 0 ok, 1 degraded, 2 error
    message       TEXT                        -- NULL: as in the one before it of the same invocation
) STRICT;

-- The newest heartbeat of each instance: what the fleet page reads.
CREATE TABLE latest_heartbeats (
    instance_id   INTEGER PRIMARY KEY REFERENCES instances (instance_id),
    invocation_id INTEGER NOT NULL,
    ts_ms         INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),
    message       TEXT    NOT NULL,
    metrics       TEXT    NOT NULL,           -- JSON object: name to number
    agent_ts_ms   INTEGER                     -- the agent's own clock
) STRICT;

-- Heartbeats per minute and per hour; `period_ms` is the start of the minute or hour.
CREATE TABLE heartbeat_minutes (
    instance_id INTEGER NOT NULL, period_ms INTEGER NOT NULL,
    heartbeats  INTEGER NOT NULL, degraded INTEGER NOT NULL, errors INTEGER NOT NULL,
    PRIMARY KEY (instance_id, period_ms)
) STRICT, WITHOUT ROWID;
CREATE TABLE heartbeat_hours (
    instance_id INTEGER NOT NULL, period_ms INTEGER NOT NULL,
    heartbeats  INTEGER NOT NULL, degraded INTEGER NOT NULL, errors INTEGER NOT NULL,
    PRIMARY KEY (instance_id, period_ms)
) STRICT, WITHOUT ROWID;

-- A named figure of one subject, as one instance reports it.
CREATE TABLE series (
    series_id   INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL REFERENCES instances (instance_id), -- who reports it
    subject     TEXT    NOT NULL,             -- '' for the reporter itself, 'host', 'agent:NAME', …
    name        TEXT    NOT NULL,
    last_ms     INTEGER NOT NULL,             -- its newest point, exact to a minute
    UNIQUE (instance_id, subject, name)
) STRICT;
CREATE INDEX series_by_subject ON series (subject, name);

-- At most one point a second for each series (`ts_ms` is the start of that second); clustered, so that a chart is one seek.
CREATE TABLE metric_points (
    series_id INTEGER NOT NULL, ts_ms INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (series_id, ts_ms)
) STRICT, WITHOUT ROWID;
CREATE TABLE metric_minutes (
    series_id INTEGER NOT NULL, period_ms INTEGER NOT NULL,
    points INTEGER NOT NULL, min REAL NOT NULL, max REAL NOT NULL, sum REAL NOT NULL,
    first REAL NOT NULL, last REAL NOT NULL,
    PRIMARY KEY (series_id, period_ms)
) STRICT, WITHOUT ROWID;
CREATE TABLE metric_hours (
    series_id INTEGER NOT NULL, period_ms INTEGER NOT NULL,
    points INTEGER NOT NULL, min REAL NOT NULL, max REAL NOT NULL, sum REAL NOT NULL,
    first REAL NOT NULL, last REAL NOT NULL,
    PRIMARY KEY (series_id, period_ms)
) STRICT, WITHOUT ROWID;

-- What happened, of the coordinator (instance_id NULL) and of agents.
CREATE TABLE events (
    event_id      INTEGER PRIMARY KEY,
    ts_ms         INTEGER NOT NULL,
    instance_id   INTEGER REFERENCES instances (instance_id),
    invocation_id INTEGER,
    level         INTEGER NOT NULL CHECK (level BETWEEN 0 AND 3), -- 0 debug, 1 info, 2 warn, 3 error
    kind          TEXT    NOT NULL,
    message       TEXT    NOT NULL,
    data          TEXT                        -- JSON
) STRICT;
CREATE INDEX events_by_instance ON events (instance_id, event_id);

-- A condition from its beginning to its end.
CREATE TABLE alerts (
    alert_id       INTEGER PRIMARY KEY,
    instance_id    INTEGER NOT NULL REFERENCES instances (instance_id),
    key            TEXT    NOT NULL,
    severity       TEXT    NOT NULL CHECK (severity IN ('warning', 'critical')),
    state          TEXT    NOT NULL CHECK (state IN ('firing', 'resolved')),
    message        TEXT    NOT NULL,
    value          REAL,
    threshold      REAL,
    evidence       TEXT,                      -- JSON
    recommendation TEXT,
    since_ms       INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    resolved_ms    INTEGER,
    CHECK ((state = 'resolved') = (resolved_ms IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX alerts_firing ON alerts (instance_id, key) WHERE state = 'firing';
CREATE INDEX alerts_by_time ON alerts (since_ms);

-- Shared key-value state: the last value wins, each change counts the version up.
CREATE TABLE state (
    key        TEXT    PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 512),
    value      TEXT    NOT NULL,              -- JSON
    version    INTEGER NOT NULL,
    writer_id  INTEGER NOT NULL REFERENCES instances (instance_id),
    updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far an agent has come in what it pulls; written in the transaction of the rows.
CREATE TABLE cursors (
    agent_id   INTEGER NOT NULL REFERENCES agents (agent_id),
    name       TEXT    NOT NULL,
    value      TEXT    NOT NULL,              -- JSON
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (agent_id, name)
) STRICT, WITHOUT ROWID;

-- A LangSmith project, and how fresh what is known of it is (records of kind `langsmith_project`). NULL: not told.
CREATE TABLE trace_projects (
    project_no    INTEGER PRIMARY KEY,        -- what the other tables name it by: a number is a quarter of the text
    project_id    TEXT    NOT NULL UNIQUE,
    name          TEXT,
    source        TEXT CHECK (source IN ('langsmith', 'local')),
    web_url       TEXT,                       -- its page in LangSmith
    api           TEXT CHECK (api IN ('v1', 'v2')),
    last_pull_ms  INTEGER,
    watermark_ms  INTEGER,
    covered_from_ms INTEGER,                  -- all that started between this and the watermark has been read
    backfill_ms   INTEGER,                    -- still to be read; 0 when done
    pending_runs  INTEGER,
    settling_runs INTEGER,
    abandoned_runs INTEGER,
    gaps          TEXT,                       -- JSON array of [from_ms, to_ms]
    http_status   INTEGER,
    requests_per_10s REAL,
    requests_remaining REAL,
    error         TEXT,                       -- what stops it now, in words; '' when nothing does
    writer_id     INTEGER NOT NULL REFERENCES instances (instance_id),
    updated_ms    INTEGER NOT NULL
) STRICT;

-- LangSmith runs (records of kind `langsmith_run`). NULL: not received. Times in `_us` are microseconds since 1970 UTC,
-- LangSmith's own resolution.
CREATE TABLE trace_runs (
    run_no        INTEGER PRIMARY KEY,        -- in the order of arrival: a new row goes to the end of the table
    run_id        TEXT    NOT NULL UNIQUE,
    project_no    INTEGER NOT NULL REFERENCES trace_projects (project_no),
    trace_id      TEXT,
    parent_run_id TEXT,
    parent_run_ids TEXT,                      -- JSON array, root first
    dotted_order  TEXT,
    name          TEXT,
    run_type      TEXT,                       -- lower case: llm, chain, tool, …
    status        TEXT CHECK (status IN ('success', 'error', 'pending')),
    is_root       INTEGER CHECK (is_root IN (0, 1)),
    start_us      INTEGER,
    end_us        INTEGER,
    first_token_us INTEGER,
    latency_us    INTEGER,
    error         TEXT,
    model         TEXT,
    provider      TEXT,
    prompt_tokens     INTEGER,
    completion_tokens INTEGER,
    total_tokens      INTEGER,
    prompt_cost       TEXT,                   -- exact decimals in US dollars
    completion_cost   TEXT,
    total_cost        TEXT,
    prompt_token_details     TEXT,            -- JSON objects: category to number of tokens
    completion_token_details TEXT,
    prompt_cost_details      TEXT,            -- JSON objects: category to exact decimal
    completion_cost_details  TEXT,
    price_model_id TEXT,
    tags          TEXT,                       -- JSON array
    metadata      TEXT,                       -- JSON object
    feedback      TEXT,                       -- JSON object
    thread_id     TEXT,
    reference_example_id TEXT,
    reference_dataset_id TEXT,
    is_in_dataset INTEGER CHECK (is_in_dataset IN (0, 1)),
    app_path      TEXT,
    last_queued_us INTEGER,
    thread_evaluation_us INTEGER,
    ls_user_id    TEXT,
    is_abandoned  INTEGER CHECK (is_abandoned IN (0, 1)), -- it did not end in time and is no longer asked for
    series_no     INTEGER,                    -- where the roll-ups count it; NULL where the start is not known
    error_group_no INTEGER,                   -- where its error is counted
    writer_id     INTEGER NOT NULL REFERENCES instances (instance_id),
    received_ms   INTEGER NOT NULL,           -- first stored
    updated_ms    INTEGER NOT NULL            -- last changed
) STRICT;
CREATE INDEX trace_runs_by_start ON trace_runs (project_no, start_us);
-- For the slowest of a window: one seek for each of its days.
CREATE INDEX trace_runs_slowest ON trace_runs (project_no, start_us / 86400000000, coalesce(latency_us, end_us - start_us), start_us)
    WHERE is_root = 1 AND status <> 'pending';
-- The same among runs of one type, name or model: one seek for each of their series and days.
CREATE INDEX trace_runs_slowest_of_series ON trace_runs (series_no, start_us / 86400000000, coalesce(latency_us, end_us - start_us), start_us)
    WHERE status <> 'pending';
CREATE INDEX trace_runs_pending ON trace_runs (project_no, coalesce(is_abandoned, 0), start_us, series_no) WHERE status = 'pending';
CREATE INDEX trace_runs_failed ON trace_runs (error_group_no, start_us, is_root) WHERE error_group_no IS NOT NULL;
CREATE INDEX trace_runs_failed_by_start ON trace_runs (project_no, start_us, error_group_no, series_no, is_root)
    WHERE error_group_no IS NOT NULL;

-- What went into a run and came out of it, where the agent was told to fetch it. Apart from the runs, so that a run
-- stays small. NULL: not received.
CREATE TABLE trace_run_contents (
    run_no        INTEGER PRIMARY KEY REFERENCES trace_runs (run_no) ON DELETE CASCADE,
    inputs        TEXT,                       -- JSON, like the next five
    outputs       TEXT,
    events        TEXT,
    extra         TEXT,
    manifest      TEXT,
    attachments   TEXT,
    inputs_preview  TEXT,
    outputs_preview TEXT,
    error_preview   TEXT
) STRICT;

-- Feedback on runs that came piece by piece (records of kind `langsmith_feedback`); `trace_runs.feedback` is made of all of a run's.
CREATE TABLE trace_feedback (
    feedback_no  INTEGER PRIMARY KEY,         -- in the order of arrival
    run_no       INTEGER NOT NULL REFERENCES trace_runs (run_no) ON DELETE CASCADE,
    feedback_id  TEXT    NOT NULL,            -- sent again it replaces itself
    key          TEXT    NOT NULL,
    score        REAL,
    value        TEXT,
    comment      TEXT,
    source       TEXT,
    is_error     INTEGER NOT NULL CHECK (is_error IN (0, 1)),
    received_ms  INTEGER NOT NULL,            -- first stored
    UNIQUE (run_no, feedback_id)
) STRICT;

-- Runs that are counted together.
CREATE TABLE trace_series (
    series_no  INTEGER PRIMARY KEY,
    project_no INTEGER NOT NULL REFERENCES trace_projects (project_no),
    run_type   TEXT    NOT NULL,              -- '' where not received, like the next two
    name       TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    is_root    INTEGER NOT NULL CHECK (is_root IN (0, 1)),
    last_ms    INTEGER NOT NULL,              -- the day of its newest run
    UNIQUE (project_no, run_type, name, model, is_root)
) STRICT;

-- Runs per minute, hour and day of their start (`period_ms`), changed in the transaction of the runs.
CREATE TABLE trace_minutes (
    project_no INTEGER NOT NULL, period_ms INTEGER NOT NULL, series_no INTEGER NOT NULL,
    runs INTEGER NOT NULL CHECK (runs > 0), errors INTEGER NOT NULL, pending INTEGER NOT NULL,
    prompt_tokens INTEGER, prompt_tokens_runs INTEGER NOT NULL,
    completion_tokens INTEGER, completion_tokens_runs INTEGER NOT NULL,
    total_tokens INTEGER, total_tokens_runs INTEGER NOT NULL,
    prompt_cost TEXT, prompt_cost_runs INTEGER NOT NULL,
    completion_cost TEXT, completion_cost_runs INTEGER NOT NULL,
    total_cost TEXT, total_cost_runs INTEGER NOT NULL,
    feedback TEXT,                            -- JSON object: key to [count, with a score, sum of the scores]
    latencies BLOB, first_tokens BLOB,        -- histograms of microseconds
    PRIMARY KEY (project_no, period_ms, series_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE trace_hours (
    project_no INTEGER NOT NULL, period_ms INTEGER NOT NULL, series_no INTEGER NOT NULL,
    runs INTEGER NOT NULL CHECK (runs > 0), errors INTEGER NOT NULL, pending INTEGER NOT NULL,
    prompt_tokens INTEGER, prompt_tokens_runs INTEGER NOT NULL,
    completion_tokens INTEGER, completion_tokens_runs INTEGER NOT NULL,
    total_tokens INTEGER, total_tokens_runs INTEGER NOT NULL,
    prompt_cost TEXT, prompt_cost_runs INTEGER NOT NULL,
    completion_cost TEXT, completion_cost_runs INTEGER NOT NULL,
    total_cost TEXT, total_cost_runs INTEGER NOT NULL,
    feedback TEXT,                            -- JSON object: key to [count, with a score, sum of the scores]
    latencies BLOB, first_tokens BLOB,        -- histograms of microseconds
    PRIMARY KEY (project_no, period_ms, series_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE trace_days (
    project_no INTEGER NOT NULL, period_ms INTEGER NOT NULL, series_no INTEGER NOT NULL,
    runs INTEGER NOT NULL CHECK (runs > 0), errors INTEGER NOT NULL, pending INTEGER NOT NULL,
    prompt_tokens INTEGER, prompt_tokens_runs INTEGER NOT NULL,
    completion_tokens INTEGER, completion_tokens_runs INTEGER NOT NULL,
    total_tokens INTEGER, total_tokens_runs INTEGER NOT NULL,
    prompt_cost TEXT, prompt_cost_runs INTEGER NOT NULL,
    completion_cost TEXT, completion_cost_runs INTEGER NOT NULL,
    total_cost TEXT, total_cost_runs INTEGER NOT NULL,
    feedback TEXT,                            -- JSON object: key to [count, with a score, sum of the scores]
    latencies BLOB, first_tokens BLOB,        -- histograms of microseconds
    PRIMARY KEY (project_no, period_ms, series_no)
) STRICT, WITHOUT ROWID;

-- Errors that differ in ids, numbers and quoted texts only.
CREATE TABLE trace_error_groups (
    group_no   INTEGER PRIMARY KEY,
    project_no INTEGER NOT NULL REFERENCES trace_projects (project_no),
    message    TEXT    NOT NULL,              -- the first line with placeholders; '' where no error text was received
    last_ms    INTEGER NOT NULL,              -- the day of its newest run
    UNIQUE (project_no, message)
) STRICT;
CREATE TABLE trace_error_hours (
    project_no INTEGER NOT NULL, period_ms INTEGER NOT NULL, group_no INTEGER NOT NULL,
    runs INTEGER NOT NULL CHECK (runs > 0), roots INTEGER NOT NULL,
    PRIMARY KEY (project_no, period_ms, group_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE trace_error_days (
    project_no INTEGER NOT NULL, period_ms INTEGER NOT NULL, group_no INTEGER NOT NULL,
    runs INTEGER NOT NULL CHECK (runs > 0), roots INTEGER NOT NULL,
    PRIMARY KEY (project_no, period_ms, group_no)
) STRICT, WITHOUT ROWID;

-- Feedback keys that are counted by name.
CREATE TABLE trace_feedback_keys (
    project_no INTEGER NOT NULL REFERENCES trace_projects (project_no),
    key        TEXT    NOT NULL,
    PRIMARY KEY (project_no, key)
) STRICT, WITHOUT ROWID;

-- Whether all runs of a closed day have been read (records of kind `langsmith_day_check`).
CREATE TABLE trace_day_checks (
    project_no  INTEGER NOT NULL REFERENCES trace_projects (project_no),
    day_ms      INTEGER NOT NULL,             -- start of a UTC day
    server_runs INTEGER,                      -- counted by the server
    read_runs   INTEGER,                      -- distinct runs that the agent has read
    checked_ms  INTEGER NOT NULL,
    PRIMARY KEY (project_no, day_ms)
) STRICT, WITHOUT ROWID;

-- What was counted rather than stored: drops, unknown messages, failed writes.
CREATE TABLE counters (
    instance_id INTEGER NOT NULL,             -- 0 for the coordinator itself
    name        TEXT    NOT NULL,
    value       INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    PRIMARY KEY (instance_id, name)
) STRICT, WITHOUT ROWID;

-- Facts about the file, and how far roll-ups have come.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
