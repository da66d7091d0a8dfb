//! The words of the command line: which actions there are and how they are written.
//! It performs none of them.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

/// Shown by `--help`.
pub(crate) const HELP: &str = "\
Durations: 20ms, 1s. Bytes: a number. FILE is made in the working directory unless absolute.

Messages:
  hello=NAME ready heartbeat   one message each; heartbeat=TEXT has a message
  beat=COUNT/INTERVAL          heartbeats at an interval, whatever comes
  live=INTERVAL                heartbeats until TERM, INT or a stop message
  event=KIND:MESSAGE  metrics=NAME:VALUE  put=KEY:JSON  delete=KEY  stopping=REASON
  records=ID                   one langsmith_run with a cursor; waits for its ack, then says event acknowledged
  rows=FILE                    each line of FILE is `[KIND, [ROW, …]]`; sent as records, one after the other's ack
  count=INTERVAL               until TERM, INT or a stop message, for N = 1, 2 …: heartbeat N, records N, `line N` on stderr, and on
                               stdout with a rest in its middle; then waits for all acks
  burst=N                      records 1 … N without looking at their acks
  await-acks=N                 waits for N acks
  await-ack=ID  await-nack=ID  waits for an answer
  listen=FILE                  from now on, what comes on stdin is appended to FILE
Output:
  print=TEXT eprint=TEXT       one line on stdout, on stderr
  raw=TEXT                     bytes without newline; knows \\n \\r \\t \\\\ and \\xNN
  lines=N elines=N             `line 1` … on stdout, on stderr
  long-line=BYTES              one line of x
  deep=N                       one message with JSON nested N deep
  flood                        lines at full speed for ever
  close-stdout close-stderr
Waiting:
  wait=DURATION                silent; TERM has its usual effect
  wait-for=FILE                until FILE exists
  idle                         silent until TERM, INT or a stop message
  hang                         silent for ever, also when asked to stop by message
Ending:
  exit=CODE raise=SIGNAL crash (an abort)
  ignore=SIGNAL                from now on
  survive                      lives on when its parent dies
Family:
  child=FILE                   forks a process that keeps the pipes and sleeps for ever; its pid goes to FILE
  leave=FILE                   the same, in a session of its own
  leave-beating=FILE           the same, and it goes on with heartbeats on this pipe every 20 ms
  orphans=N                    N processes whose parent has exited; they exit soon after
  squat=PIDFILE:OUT            once the process of PIDFILE is reaped, takes its pid with a group of its own and writes
                               to OUT which signals that group gets; needs a pid namespace of its own
  starve=PROGRAM               becomes PROGRAM --agents agents.toml, to which the kernel gives no memory for processes
  allocate=BYTES               takes that much memory, writes to all of it and keeps it
Telling:
  alive=PIDFILE:OUT            appends `alive` or `gone` to OUT: whether the process of PIDFILE lives
  mark=FILE                    appends `pid invocation unix_ms`
  report=FILE                  descriptors, environment, signals, process group as JSON
  once=FILE ACTION             performs ACTION only if FILE does not exist, and makes it";

/// One thing to do.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Hello(String),
    Ready,
    Heartbeat(String),
    Beat(u64, Duration),
    Live(Duration),
    Count(Duration),
    Event(String, String),
    Metrics(String, f64),
    Put(String, serde_json::Value),
    Delete(String),
    Stopping(String),
    Records(u64),
    Rows(PathBuf),
    Burst(u64),
    AwaitAcks(u64),
    AwaitAck(u64),
    AwaitNack(u64),
    Listen(PathBuf),
    Print(String),
    Eprint(String),
    Raw(Vec<u8>),
    Lines(u64),
    Elines(u64),
    LongLine(usize),
    Deep(usize),
    Flood,
    CloseStdout,
    CloseStderr,
    Wait(Duration),
    WaitFor(PathBuf),
    Idle,
    Hang,
    Exit(u8),
    Raise(Signal),
    Crash,
    Ignore(Signal),
    Survive,
    Child(PathBuf),
    Leave(PathBuf),
    LeaveBeating(PathBuf),
    Orphans(u32),
    Squat(PathBuf, PathBuf),
    Starve(String),
    Allocate(usize),
    Alive(PathBuf, PathBuf),
    Mark(PathBuf),
    Report(PathBuf),
    Once(PathBuf),
}

impl FromStr for Action {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let file = || PathBuf::from(value);
        Ok(match name {
            "hello" => Self::Hello(value.to_owned()),
            "ready" => Self::Ready,
            "heartbeat" => Self::Heartbeat(value.to_owned()),
            "beat" => {
                let (count, interval) = pair(value, '/')?;
                Self::Beat(count.parse()?, duration(interval)?)
            }
            "count" => Self::Count(duration(value)?),
            "live" => Self::Live(duration(value)?),
            "event" => {
                pair(value, ':').map(|(kind, text)| Self::Event(kind.into(), text.into()))?
            }
            "metrics" => {
                let (name, figure) = pair(value, ':')?;
                Self::Metrics(name.to_owned(), figure.parse()?)
            }
            "put" => {
                let (key, json) = pair(value, ':')?;
                Self::Put(key.to_owned(), serde_json::from_str(json)?)
            }
            "delete" => Self::Delete(value.to_owned()),
            "stopping" => Self::Stopping(value.to_owned()),
            "rows" => Self::Rows(file()),
            "records" => Self::Records(value.parse()?),
            "burst" => Self::Burst(value.parse()?),
            "await-acks" => Self::AwaitAcks(value.parse()?),
            "await-ack" => Self::AwaitAck(value.parse()?),
            "await-nack" => Self::AwaitNack(value.parse()?),
            "listen" => Self::Listen(file()),
            "print" => Self::Print(value.to_owned()),
            "eprint" => Self::Eprint(value.to_owned()),
            "raw" => Self::Raw(unescape(value)?),
            "lines" => Self::Lines(value.parse()?),
            "elines" => Self::Elines(value.parse()?),
            "long-line" => Self::LongLine(value.parse()?),
            "deep" => Self::Deep(value.parse()?),
            "flood" => Self::Flood,
            "close-stdout" => Self::CloseStdout,
            "close-stderr" => Self::CloseStderr,
            "wait" => Self::Wait(duration(value)?),
            "wait-for" => Self::WaitFor(file()),
            "idle" => Self::Idle,
            "hang" => Self::Hang,
            "exit" => Self::Exit(value.parse()?),
            "raise" => Self::Raise(signal(value)?),
            "crash" => Self::Crash,
            "ignore" => Self::Ignore(signal(value)?),
            "survive" => Self::Survive,
            "child" => Self::Child(file()),
            "leave" => Self::Leave(file()),
            "leave-beating" => Self::LeaveBeating(file()),
            "orphans" => Self::Orphans(value.parse()?),
            "squat" => pair(value, ':').map(|(pid, out)| Self::Squat(pid.into(), out.into()))?,
            "allocate" => Self::Allocate(value.parse()?),
            "starve" => Self::Starve(value.to_owned()),
            "alive" => pair(value, ':').map(|(pid, out)| Self::Alive(pid.into(), out.into()))?,
            "mark" => Self::Mark(file()),
            "report" => Self::Report(file()),
            "once" => Self::Once(file()),
            _ => bail!("there is no such action; --help lists them"),
        })
    }
}

fn pair(value: &str, between: char) -> Result<(&str, &str)> {
    value
        .split_once(between)
        .with_context(|| format!("two values with `{between}` between them are needed"))
}

fn duration(text: &str) -> Result<Duration> {
    if let Some(number) = text.strip_suffix("ms") {
        return Ok(Duration::from_millis(number.parse()?));
    }
    let number = text
        .strip_suffix('s')
        .context("a duration ends in ms or s")?;
    Ok(Duration::from_secs(number.parse()?))
}

fn signal(name: &str) -> Result<Signal> {
    Ok(format!("SIG{name}").parse()?)
}

/// Bytes that no command line can carry as they are.
fn unescape(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [rest.next(), rest.next()].map(Option::unwrap_or_default);
                u8::from_str_radix(std::str::from_utf8(&digits)?, 16)
                    .context("\\x needs two hex digits")?
            }
            _ => bail!("after a backslash: n, r, t, \\ or xNN"),
        });
    }
    Ok(bytes)
}
