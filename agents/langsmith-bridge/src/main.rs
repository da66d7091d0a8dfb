//! The program `langsmith-bridge`: wiring only.
//! Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A provider that is installed already is as good: nothing else in this process would install one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    agent_sdk::run::<langsmith_bridge::LangSmithBridge>()
}
