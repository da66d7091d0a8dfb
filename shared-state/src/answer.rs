//! What is told to whoever waits for a job. It is made inside the transaction and told after the commit.

use crate::job::Job;
use crate::registry::{Cursors, RegisteredInstance};
use crate::writer::WriteError;

/// Tells an outcome; called once, after the commit.
pub(crate) type Answer = Box<dyn FnOnce()>;

/// What became of a job.
pub(crate) enum Outcome {
    Stored,
    Registered(Vec<RegisteredInstance>),
    Cursors(Cursors),
    Refused(String),
}

impl Outcome {
    pub(crate) fn into_answer(self, job: &mut Job) -> Answer {
        // A receiver that is gone no longer wants to know, so that sending may fail.
        match job {
            Job::Fact { reply, .. } => match reply.take() {
                None => Box::new(|| {}),
                Some(reply) => Box::new(move || drop(reply.send(self.stored()))),
            },
            Job::Register { reply, .. } => {
                let reply = reply.take();
                Box::new(move || drop(reply.map(|reply| reply.send(self.registered()))))
            }
            Job::Cursors { reply, .. } => {
                let reply = reply.take();
                Box::new(move || drop(reply.map(|reply| reply.send(self.cursors()))))
            }
        }
    }

    fn stored(self) -> Result<(), WriteError> {
        match self {
            Self::Refused(reason) => Err(WriteError::Refused { reason }),
            _ => Ok(()),
        }
    }

    fn registered(self) -> Result<Vec<RegisteredInstance>, WriteError> {
        match self {
            Self::Registered(instances) => Ok(instances),
            Self::Refused(reason) => Err(WriteError::Refused { reason }),
            _ => Err(WriteError::Closed),
        }
    }

    fn cursors(self) -> Result<Cursors, WriteError> {
        match self {
            Self::Cursors(cursors) => Ok(cursors),
            Self::Refused(reason) => Err(WriteError::Refused { reason }),
            _ => Err(WriteError::Closed),
        }
    }
}
