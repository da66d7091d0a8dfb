//! Reads the coordinator's messages from stdin and hands each to where it is awaited. It decides nothing.

use std::io::{self, Read};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use agent_protocol::{
    CoordinatorHello, CoordinatorMessage, DecodeError, LINE_BYTES_MAX, Line, LineSplitter,
    decode_coordinator,
};
use tokio::sync::oneshot;
use tracing::{debug, warn};

use crate::context::Shared;
use crate::stop::Why;

/// One read of a pipe at its usual rate; a pipe itself holds 64 KiB.
const CHUNK_BYTES: usize = 4 * 1024;

/// Reads from now on, in a thread of its own that ends with stdin or with the process: a read of a pipe cannot be
/// cancelled. No queue lies behind it: every message is a change of state or the answer to somebody who waits.
pub(crate) fn listen(
    shared: Arc<Shared>,
    hello: oneshot::Sender<CoordinatorHello>,
) -> io::Result<()> {
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut reader = Reader {
                shared,
                hello: Some(hello),
            };
            reader.read_all(&mut io::stdin().lock());
        })?;
    Ok(())
}

struct Reader {
    shared: Arc<Shared>,
    /// Taken by the first `hello`.
    hello: Option<oneshot::Sender<CoordinatorHello>>,
}

impl Reader {
    fn read_all(&mut self, stdin: &mut impl Read) {
        let mut splitter = LineSplitter::new(LINE_BYTES_MAX);
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            match stdin.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => splitter.push(&chunk[..read], |line| self.take_line(line)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    warn!("failed to read stdin: {error}");
                    break;
                }
            }
        }
        splitter.finish(|line| self.take_line(line));
        // Alone, an agent has nobody on its stdin; under a coordinator, a closed stdin means that it is gone.
        if self.shared.supervised {
            self.shared.stop.request(Why::InputClosed, None);
        }
    }

    fn take_line(&mut self, line: Line<'_>) {
        if line.truncated {
            warn!("ignored a line on stdin that is longer than {LINE_BYTES_MAX} bytes");
            return;
        }
        match decode_coordinator(line.bytes) {
            Ok(message) => self.take(message),
            Err(DecodeError::Unknown { kind }) => debug!("ignored a message of type `{kind}`"),
            Err(DecodeError::NotAMessage) if line.bytes.is_empty() => {}
            Err(error) => warn!("failed to {error}"),
        }
    }

    fn take(&mut self, message: CoordinatorMessage) {
        match message {
            CoordinatorMessage::Hello(hello) => {
                // A second hello changes nothing: settings are read once.
                if let Some(sender) = self.hello.take() {
                    let _ = sender.send(hello);
                }
            }
            CoordinatorMessage::Ack(ack) => self.shared.pending.answer(ack.id, Ok(())),
            CoordinatorMessage::Nack(nack) => self.shared.pending.answer(nack.id, Err(nack)),
            CoordinatorMessage::Stop(stop) => {
                let grace = Duration::from_millis(stop.grace_ms);
                self.shared.stop.request(Why::Message, Some(grace));
            }
            CoordinatorMessage::Task(task) => {
                debug!("ignored task {} of kind {}", task.id, task.kind)
            }
            CoordinatorMessage::Cancel(_) => {}
        }
    }
}
