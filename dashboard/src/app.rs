//! What all requests share. It holds handles and does nothing itself.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::observer::Observer;
use crate::settings::Settings;
use crate::store::Store;
use crate::traces::shared::Moments;

/// Open streams. Each costs a task, a connection and what its browser was sent; a person has a few tabs.
pub const STREAMS_MAX: usize = 64;

/// What all requests share; cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// Watches the database.
    pub observer: Observer,
    /// Answers what only one page asks.
    pub store: Arc<Store>,
    /// What streams of traces share.
    pub moments: Arc<Moments>,
    /// Room for streams.
    pub streams: Arc<Semaphore>,
    /// True once the program ends.
    pub ending: watch::Receiver<bool>,
    /// As started.
    pub settings: Arc<Settings>,
}

impl App {
    /// Starts watching; `ending` turns true when streams are to end.
    pub fn start(settings: Settings, ending: watch::Receiver<bool>) -> std::io::Result<Self> {
        Ok(Self {
            observer: Observer::start(settings.database.clone())?,
            store: Arc::new(Store::new(settings.database.clone())),
            moments: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            ending,
            settings: Arc::new(settings),
        })
    }
}
