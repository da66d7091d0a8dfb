//! Turns TERM and INT into a request to stop. Other signals keep their default.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::context::Shared;
use crate::stop::Why;

/// Listens from now on, in a thread of its own that ends with the process. An interrupt that is not the first signal
/// ends the process the plain way, so that a hung agent can still be ended from the keyboard. A second TERM does
/// not: service managers and the coordinator may each send one, and the orderly end must go on.
pub(crate) fn listen(shared: Arc<Shared>) -> io::Result<()> {
    let asked_before = Arc::new(AtomicBool::new(false));
    // Before the flag is set by the same signal: the order of registration is the order of the actions.
    signal_hook::flag::register_conditional_default(SIGINT, Arc::clone(&asked_before))?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&asked_before))?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                let name = if signal == SIGINT {
                    "interrupted (SIGINT)"
                } else {
                    "terminated (SIGTERM)"
                };
                shared.stop.request(Why::Signal(name), None);
            }
        })?;
    Ok(())
}
