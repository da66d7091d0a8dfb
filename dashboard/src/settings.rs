//! The command line and environment, checked as a whole before anything is bound.
//! It opens no database and no socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::token::{Token, TokenError};

/// Shows agents, heartbeats, figures, events, alerts and logs live in a browser. Reads the database, never writes it.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "dashboard", version, args_override_self = true)]
pub struct Options {
    /// The database that the coordinator writes [env: SHARED_STATE_SQLITE]
    #[arg(long, value_name = "FILE", default_value = "shared_state.db")]
    pub database: PathBuf,
    /// Address and port; port 0 picks a free one [env: DASHBOARD_LISTEN]
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8420", value_parser = parse_listen)]
    pub listen: SocketAddr,
    /// A name under which browsers may reach it, besides 127.0.0.1, localhost and ::1; can be repeated [env: DASHBOARD_ALLOW_HOST]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub allow_host: Vec<String>,
    /// A file (mode 0600) with the token that every client must know; needed for addresses other than loopback [env: DASHBOARD_TOKEN_FILE]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Listen on this Unix socket (mode 0600) instead of an address
    #[arg(long, value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| {
        "expected an IP address and a port, such as 127.0.0.1:8420 or [::1]:8420".into()
    })
}

/// Why the settings cannot be used. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Everybody on the network could read everything.
    #[error(
        "listen on {address}: others can reach it, so --token-file is needed (a file of mode 0600 with a secret); or listen on 127.0.0.1 and use `ssh -L`"
    )]
    TokenMissing {
        /// Where it should listen.
        address: SocketAddr,
    },
    /// Any name that points here would be served (DNS rebinding).
    #[error(
        "listen on {address}: others can reach it, so --allow-host is needed with the name that they use"
    )]
    HostMissing {
        /// Where it should listen.
        address: SocketAddr,
    },
    /// The token cannot be read or is not secret.
    #[error("use the token file")]
    Token(#[from] TokenError),
    /// The socket would lie beside the database.
    #[error(
        "put the socket {path} into the database's folder: the dashboard writes nothing there; name a path elsewhere"
    )]
    SocketBesideDatabase {
        /// Where it should be.
        path: PathBuf,
    },
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Checked settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database.
    pub database: PathBuf,
    /// Where to listen.
    pub listen: Listen,
    /// Host names that are served, lower case, without port.
    pub hosts: Vec<String>,
    /// What every client must know, if anything.
    pub token: Option<Token>,
}

impl Options {
    /// Checks the options against each other and reads the token.
    pub fn check(self) -> Result<Settings, SettingsError> {
        let token = self.token_file.as_deref().map(Token::read).transpose()?;
        let mut hosts: Vec<String> = ["127.0.0.1", "localhost", "[::1]"].map(String::from).into();
        let listen = match self.unix_socket {
            Some(path) => {
                if folder(&path) == folder(&self.database) {
                    return Err(SettingsError::SocketBesideDatabase { path });
                }
                Listen::Unix(path)
            }
            None => {
                let address = self.listen;
                if !address.ip().is_loopback() {
                    if token.is_none() {
                        return Err(SettingsError::TokenMissing { address });
                    }
                    if self.allow_host.is_empty() {
                        return Err(SettingsError::HostMissing { address });
                    }
                } else {
                    hosts.push(match address.ip() {
                        IpAddr::V4(ip) => ip.to_string(),
                        IpAddr::V6(ip) => format!("[{ip}]"),
                    });
                }
                Listen::Tcp(address)
            }
        };
        hosts.extend(
            self.allow_host
                .iter()
                .map(|host| host.trim().to_ascii_lowercase())
                .filter(|host| !host.is_empty()),
        );
        Ok(Settings {
            database: self.database,
            listen,
            hosts,
            token,
        })
    }
}

fn folder(path: &std::path::Path) -> Option<PathBuf> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(std::path::Path::new("."));
    std::fs::canonicalize(parent).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn check(arguments: &[&str]) -> Result<Settings, SettingsError> {
        Options::parse_from([&["dashboard"], arguments].concat()).check()
    }

    #[test]
    fn loopback_needs_nothing_and_others_need_token_and_host() {
        assert!(check(&["--listen", "127.0.0.1:0"]).is_ok());
        assert!(check(&["--listen", "localhost:0"]).is_ok());
        assert!(matches!(
            check(&["--listen", "0.0.0.0:0"]),
            Err(SettingsError::TokenMissing { .. })
        ));
    }

    #[test]
    fn a_socket_beside_the_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (database, socket) = (folder.path().join("s.db"), folder.path().join("s.sock"));
        let arguments = [
            "--database",
            database.to_str().unwrap(),
            "--unix-socket",
            socket.to_str().unwrap(),
        ];
        assert!(matches!(
            check(&arguments),
            Err(SettingsError::SocketBesideDatabase { .. })
        ));
    }
}
