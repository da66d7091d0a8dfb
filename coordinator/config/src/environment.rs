//! The environment of an agent, built and never just inherited: an agent behaves the same under systemd and in a shell.
//! It reads no variable itself; the caller hands in its own environment.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::AgentConfig;

/// What every agent gets from the coordinator's environment: what programs need to find files, to print text and
/// to know the time, and nothing that carries a secret or describes another process.
pub const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TZDIR",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "RUST_LOG",
    "RUST_BACKTRACE",
];

impl AgentConfig {
    /// The agent's environment except for the variables with which the coordinator introduces itself: the
    /// inherited ones, those of `pass_env`, then `env_file`, then `env`; the later wins.
    pub fn environment(
        &self,
        own: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> BTreeMap<OsString, OsString> {
        let mut environment: BTreeMap<OsString, OsString> = own
            .into_iter()
            .filter(|(name, _)| name.to_str().is_some_and(|name| self.passes(name)))
            .collect();
        for (name, value) in &self.env {
            environment.insert(name.into(), value.expose().into());
        }
        environment
    }

    fn passes(&self, name: &str) -> bool {
        let configured = self.pass_env.iter().map(String::as_str);
        INHERITED
            .iter()
            .copied()
            .chain(configured)
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == pattern,
            })
    }
}
