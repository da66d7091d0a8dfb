//! Round after round, a heartbeat after each, until the agent has to end. It does not know where requests come from.

use std::future::Future;
use std::time::Duration;

use agent_protocol::{AgentMessage, Status, Stopping};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::stop::Why;
use crate::{Agent, Beat, Context, Exit};

/// An agent that waits for its next round longer than this says that it is still there. It does so from the loop
/// itself, so a loop that hangs stays silent.
const IDLE_BEAT_EVERY: Duration = Duration::from_secs(10);
/// A round that fails at once must not become a busy loop, whatever the agent's interval.
const WAIT_AFTER_FAILURE_MIN: Duration = Duration::from_secs(1);
/// The end of an agent that nobody gave a time.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// Works until the agent has to end, ends it in order and says how it went.
pub(crate) async fn work<A: Agent>(mut agent: A, once: bool, context: &Context) -> Exit {
    let exit = repeat(&mut agent, once, context).await;
    let finish_until = match context.stop_request() {
        // The fifth of the grace that is left belongs to the end, so a moment is granted even after it.
        Some(request) => Instant::from(request.until) + Duration::from_millis(100),
        None => Instant::now() + FINISH_WITHIN,
    };
    tokio::select! {
        () = agent.finish(context) => {}
        () = sleep_until(finish_until) => warn!("the end of the agent took too long and was cut off"),
    }
    conclude(exit, context)
}

/// Says goodbye. What happened to stdout decides over everything else.
pub(crate) fn conclude(exit: Exit, context: &Context) -> Exit {
    let reason = match context.stop_request() {
        Some(request) => request.why.in_words(),
        None if exit == Exit::Success => "done",
        None => "failed",
    };
    if !is_output_closed(context) {
        context.send(&AgentMessage::Stopping(Stopping {
            reason: reason.to_owned(),
        }));
    }
    if is_output_closed(context) {
        return Exit::OutputClosed;
    }
    info!("stopping: {reason}");
    exit
}

fn is_output_closed(context: &Context) -> bool {
    let request = context.stop_request();
    request.is_some_and(|request| request.why == Why::OutputClosed)
}

async fn repeat<A: Agent>(agent: &mut A, once: bool, context: &Context) -> Exit {
    while !context.is_stopping() {
        let began = Instant::now();
        let Some(result) = unless_over(context, agent.cycle(context)).await else {
            warn!("the round of work was cut off");
            return Exit::Success;
        };
        let mut next = began + agent.interval();
        let (beat, failure) = match result {
            Ok(beat) => (beat, None),
            // Without figures: nothing was measured.
            Err(failure) => (Beat::error(failure.to_string()), Some(failure)),
        };
        context.heartbeat(&beat);
        if let Some(failure) = failure {
            warn!("{failure}");
            if failure.is_fatal() || once {
                return Exit::Failed;
            }
            next = next.max(Instant::now() + WAIT_AFTER_FAILURE_MIN);
        }
        if once {
            return match beat.status {
                Status::Ok => Exit::Success,
                Status::Degraded | Status::Error => Exit::NotOk,
            };
        }
        idle_until(next, context).await;
    }
    Exit::Success
}

async fn idle_until(next: Instant, context: &Context) {
    // Gives signals and messages their turn, also where the agent never waits.
    tokio::task::yield_now().await;
    while Instant::now() < next && !context.is_stopping() {
        let until = next.min(Instant::now() + IDLE_BEAT_EVERY);
        tokio::select! {
            () = sleep_until(until) => {}
            () = context.stopping() => return,
        }
        if until < next {
            context.heartbeat(&context.latest());
        }
    }
}

/// What the agent's code returns, unless the agent has to end and its grace is over before.
pub(crate) async fn unless_over<T>(context: &Context, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        result = work => Some(result),
        () = context.0.stop.wait_until_over() => None,
    }
}
