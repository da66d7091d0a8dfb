//! Who waits for which answer of the coordinator. It neither sends nor waits.

use std::collections::HashMap;
use std::sync::Mutex;

use agent_protocol::Nack;
use tokio::sync::oneshot;

/// Messages that await `ack` or `nack`, by id. As long as the agent's own waiting calls, which are one at a time
/// in most agents; a call that gives up removes its entry.
#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    last_id: u64,
    by_id: HashMap<u64, oneshot::Sender<Result<(), Nack>>>,
}

impl Pending {
    /// A fresh id and where its answer will arrive.
    pub(crate) fn expect_answer(&self) -> (u64, oneshot::Receiver<Result<(), Nack>>) {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.last_id += 1;
        let id = waiting.last_id;
        waiting.by_id.insert(id, sender);
        (id, receiver)
    }

    /// Hands an answer to whoever waits for it; one that nobody waits for came too late and is dropped.
    pub(crate) fn answer(&self, id: u64, answer: Result<(), Nack>) {
        if let Some(sender) = self.lock().by_id.remove(&id) {
            let _ = sender.send(answer);
        }
    }

    pub(crate) fn give_up(&self, id: u64) {
        self.lock().by_id.remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().expect("no code that holds the lock panics")
    }
}
