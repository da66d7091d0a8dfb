//! What one invocation prints: bytes become lines, lines become facts, signs of life, and lines of its log.
//! It reads no pipe, writes no file and judges nobody.

use agent_protocol::{
    AgentMessage, AlertState, Decoded, Line, LineSplitter, Nack, Records, Severity, Status,
    Unfinished, decode, id_of_cut_records,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared_state::{
    AlertRow, EventRow, Fact, HeartbeatBatch, HeartbeatRow, MetricsRow, PutRow, TimeMs,
};

use crate::agent_log::{AgentLog, Stream};
use crate::clock;

/// Messages are one line for people; what an agent adds beyond this is cut.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// A column of the alerts page is no place for a key of any length.
const KEY_BYTES_MAX: usize = 512;

/// Counts of one invocation, stored when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) heartbeats: u64,
    pub(crate) log_lines: u64,
    pub(crate) truncated_lines: u64,
}

/// What some bytes held besides lines of the log.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// To be stored, in order; may be dropped when the disk is too slow.
    pub(crate) facts: Vec<Fact>,
    /// To be stored and answered.
    pub(crate) records: Vec<Records>,
    /// To be refused.
    pub(crate) refused: Vec<Nack>,
    /// It says that it is able to work.
    pub(crate) is_ready: bool,
    /// The newest heartbeat: status and message.
    pub(crate) heartbeat: Option<(u8, String)>,
    /// How many heartbeats there were.
    pub(crate) heartbeats: u64,
}

/// The two streams of one invocation.
#[derive(Debug)]
pub(crate) struct Intake {
    stdout: LineSplitter,
    stderr: LineSplitter,
    reading: Reading,
}

#[derive(Debug)]
struct Reading {
    instance_id: i64,
    invocation_id: i64,
    /// Whether stdout carries messages.
    speaks: bool,
    counters: Counters,
}

/// One piece of a stream: when it was read, and where its lines go.
struct Piece<'a> {
    ts_ms: TimeMs,
    time: String,
    log: &'a mut AgentLog,
    heartbeats: Vec<HeartbeatRow>,
    heard: Heard,
    odd: Odd,
}

/// Lines that are counted.
#[derive(Default)]
struct Odd {
    unknown: u64,
    malformed: u64,
    truncated: u64,
    log_dropped: u64,
}

impl<'a> Piece<'a> {
    fn new(log: &'a mut AgentLog) -> Self {
        let ts_ms = clock::wall_ms();
        Piece {
            ts_ms,
            time: clock::text(ts_ms),
            log,
            heartbeats: Vec::new(),
            heard: Heard::default(),
            odd: Odd::default(),
        }
    }
}

impl Intake {
    pub(crate) fn new(
        instance_id: i64,
        invocation_id: i64,
        speaks: bool,
        line_bytes_max: usize,
    ) -> Self {
        Self {
            stdout: LineSplitter::new(line_bytes_max),
            stderr: LineSplitter::new(line_bytes_max),
            reading: Reading {
                instance_id,
                invocation_id,
                speaks,
                counters: Counters::default(),
            },
        }
    }

    /// Goes on where another intake of the same invocation stopped.
    pub(crate) fn go_on(self, stdout: Unfinished, stderr: Unfinished, counters: Counters) -> Self {
        Self {
            stdout: self.stdout.go_on(stdout),
            stderr: self.stderr.go_on(stderr),
            reading: Reading {
                counters,
                ..self.reading
            },
        }
    }

    /// The beginnings of the lines under way, of stdout and stderr.
    pub(crate) fn unfinished(&self) -> (Unfinished, Unfinished) {
        (self.stdout.unfinished(), self.stderr.unfinished())
    }

    /// Counts so far.
    pub(crate) fn counters(&self) -> Counters {
        self.reading.counters
    }

    /// Takes the next bytes of stdout.
    pub(crate) fn take_stdout(&mut self, bytes: &[u8], log: &mut AgentLog) -> Heard {
        let mut piece = Piece::new(log);
        let reading = &mut self.reading;
        self.stdout
            .push(bytes, |line| reading.take_stdout_line(line, &mut piece));
        reading.conclude(piece)
    }

    /// Takes the next bytes of stderr.
    pub(crate) fn take_stderr(&mut self, bytes: &[u8], log: &mut AgentLog) -> Heard {
        let mut piece = Piece::new(log);
        let reading = &mut self.reading;
        self.stderr.push(bytes, |line| {
            reading.add_to_log(Stream::Stderr, line, &mut piece)
        });
        reading.conclude(piece)
    }

    /// The invocation has ended: its last lines may lack a newline.
    pub(crate) fn finish(&mut self, log: &mut AgentLog) -> Heard {
        let mut piece = Piece::new(log);
        let reading = &mut self.reading;
        self.stdout
            .finish(|line| reading.take_stdout_line(line, &mut piece));
        self.stderr
            .finish(|line| reading.add_to_log(Stream::Stderr, line, &mut piece));
        reading.conclude(piece)
    }
}

impl Reading {
    fn take_stdout_line(&mut self, line: Line<'_>, piece: &mut Piece<'_>) {
        if self.speaks && line.truncated {
            piece.heard.refused.extend(refuse_cut(line.bytes));
        }
        // A message that was cut is no message.
        if !self.speaks || line.truncated {
            self.add_to_log(Stream::Stdout, line, piece);
            return;
        }
        match decode(line.bytes) {
            Decoded::Message(message) => self.take_message(message, piece),
            Decoded::Log => self.add_to_log(Stream::Stdout, line, piece),
            Decoded::Unknown { .. } => piece.odd.unknown += 1,
            Decoded::Malformed { kind, reason } => {
                piece.odd.malformed += 1;
                self.add_to_log(Stream::Stdout, line, piece);
                let note =
                    format!("the `{kind}` message before this line was not understood: {reason}");
                piece
                    .log
                    .add_line(&piece.time, Stream::Coordinator, note.as_bytes(), false);
            }
        }
    }

    fn add_to_log(&mut self, stream: Stream, line: Line<'_>, piece: &mut Piece<'_>) {
        self.counters.log_lines += 1;
        if line.truncated {
            self.counters.truncated_lines += 1;
            piece.odd.truncated += 1;
        }
        if piece
            .log
            .add_line(&piece.time, stream, line.bytes, line.truncated)
        {
            piece.odd.log_dropped += 1;
        }
    }

    fn take_message(&mut self, message: AgentMessage, piece: &mut Piece<'_>) {
        let (instance_id, ts_ms) = (self.instance_id, piece.ts_ms);
        let fact = match message {
            AgentMessage::Heartbeat(beat) => {
                self.counters.heartbeats += 1;
                piece.heartbeats.push(HeartbeatRow {
                    ts_ms,
                    seq: beat.seq,
                    status: status_number(beat.status),
                    message: cut(beat.message, MESSAGE_BYTES_MAX),
                    metrics: beat.metrics.into_iter().collect(),
                    agent_ts_ms: beat.ts_ms,
                });
                return;
            }
            AgentMessage::Ready => {
                piece.heard.is_ready = true;
                return;
            }
            AgentMessage::Records(records) => {
                piece.heard.records.push(records);
                return;
            }
            AgentMessage::TaskSubmit(task) => {
                let reason = "this coordinator has no task queue".to_owned();
                piece.heard.refused.push(Nack {
                    id: task.id,
                    reason,
                    retry: false,
                });
                return;
            }
            // Nobody gave it a task; who speaks is known from the pipe.
            AgentMessage::TaskProgress(_)
            | AgentMessage::TaskResult(_)
            | AgentMessage::Hello(_) => return,
            AgentMessage::Metrics(figures) => Fact::Metrics(MetricsRow {
                instance_id,
                subject: cut(figures.subject.unwrap_or_default(), KEY_BYTES_MAX),
                ts_ms,
                metrics: figures.metrics.into_iter().collect(),
            }),
            AgentMessage::Event(event) => self.event(
                event.level as u8,
                event.kind,
                event.message,
                event.data,
                ts_ms,
            ),
            AgentMessage::Stopping(stopping) => self.event(
                1,
                "agent_stopping".into(),
                stopping.reason,
                Value::Null,
                ts_ms,
            ),
            AgentMessage::Alert(alert) => Fact::Alert(AlertRow {
                instance_id,
                key: cut(alert.key, KEY_BYTES_MAX),
                critical: alert.severity == Severity::Critical,
                firing: alert.state == AlertState::Firing,
                message: cut(alert.message, MESSAGE_BYTES_MAX),
                value: alert.value,
                threshold: alert.threshold,
                evidence: present(alert.evidence),
                recommendation: alert
                    .recommendation
                    .map(|text| cut(text, MESSAGE_BYTES_MAX)),
                ts_ms,
            }),
            AgentMessage::Put(put) => Fact::Put(PutRow {
                instance_id,
                key: put.key,
                value: put.value,
                ts_ms,
            }),
            AgentMessage::Delete(delete) => Fact::Delete { key: delete.key },
        };
        piece.heard.facts.push(fact);
    }

    fn event(&self, level: u8, kind: String, message: String, data: Value, ts_ms: TimeMs) -> Fact {
        Fact::Event(EventRow {
            ts_ms,
            instance_id: Some(self.instance_id),
            invocation_id: Some(self.invocation_id),
            level,
            kind: cut(kind, KEY_BYTES_MAX),
            message: cut(message, MESSAGE_BYTES_MAX),
            data: present(data),
        })
    }

    fn conclude(&self, piece: Piece<'_>) -> Heard {
        let Piece {
            ts_ms,
            heartbeats,
            mut heard,
            odd,
            ..
        } = piece;
        if let Some(newest) = heartbeats.last() {
            heard.heartbeat = Some((newest.status, newest.message.clone()));
            heard.heartbeats = heartbeats.len() as u64;
            let batch = HeartbeatBatch {
                instance_id: self.instance_id,
                invocation_id: self.invocation_id,
                rows: heartbeats,
            };
            heard.facts.insert(0, Fact::Heartbeats(batch));
        }
        let counts = [
            ("unknown_messages", odd.unknown),
            ("malformed_messages", odd.malformed),
            ("truncated_lines", odd.truncated),
            ("dropped_log_lines", odd.log_dropped),
        ];
        let instance_id = self.instance_id;
        heard.facts.extend(
            counts
                .into_iter()
                .filter(|(_, by)| *by > 0)
                .map(|(name, by)| Fact::Counted {
                    instance_id,
                    name,
                    by,
                    ts_ms,
                }),
        );
        heard
    }
}

/// An agent that sent records waits for an answer, also where they were too long.
fn refuse_cut(line: &[u8]) -> Option<Nack> {
    let bytes = line.len();
    Some(Nack {
        id: id_of_cut_records(line)?,
        reason: format!(
            "the line is longer than {bytes} bytes (line_bytes_max) and was cut; send fewer rows in one message, or less of \
             their contents"
        ),
        retry: false,
    })
}

fn status_number(status: Status) -> u8 {
    match status {
        Status::Ok => 0,
        Status::Degraded => 1,
        Status::Error => 2,
    }
}

fn present(value: Value) -> Option<Value> {
    (!value.is_null()).then_some(value)
}

fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}
