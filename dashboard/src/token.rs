//! The secret that clients on other machines must know: reads it from its file and compares it.
//! It knows nothing of HTTP.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Shorter secrets can be guessed over a network: 16 characters of hexadecimal are 64 bits.
const TOKEN_BYTES_MIN: usize = 16;

/// Longer ones do not fit into a cookie with other things.
const TOKEN_BYTES_MAX: usize = 512;

/// A secret; never printed.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Why the file is no secret. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not there, or not readable.
    #[error("read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others could read it.
    #[error(
        "trust {path}: it must be a regular file of mode 0600, found {mode:04o}; run `chmod 600 {path}`"
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It cannot be guessed against, or not be sent.
    #[error(
        "use the token in {path}: it must have {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} letters, digits, `-`, `_` or `.`; make one with `openssl rand -hex 32`"
    )]
    Weak {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// Reads a secret that nobody else can read.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let io = |source| TokenError::Io {
            path: path.to_path_buf(),
            source,
        };
        // Without O_NONBLOCK a FIFO would hang the start.
        let file = std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(path)
            .map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() || metadata.mode() & 0o077 != 0 {
            return Err(TokenError::Mode {
                path: path.to_path_buf(),
                mode: metadata.mode() & 0o7777,
            });
        }
        let mut text = String::new();
        file.take(4_096).read_to_string(&mut text).map_err(io)?;
        let token = text.trim();
        let is_sendable = token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if !is_sendable || !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.len()) {
            return Err(TokenError::Weak {
                path: path.to_path_buf(),
            });
        }
        Ok(Self(token.into()))
    }

    /// Compares in a time that tells nothing about where the first difference is.
    pub fn matches(&self, offered: &str) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), offered.as_bytes());
        let mut difference = u8::from(ours.len() != theirs.len());
        for (at, ours) in ours.iter().enumerate() {
            let other = theirs.get(at).copied().unwrap_or(0);
            difference |= std::hint::black_box(ours ^ other);
        }
        difference == 0
    }

    /// For the cookie only.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(content: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let (_folder, path) = file("0123456789abcdef0123", 0o640);
        assert!(matches!(
            Token::read(&path),
            Err(TokenError::Mode { mode: 0o640, .. })
        ));
    }

    #[test]
    fn a_short_secret_is_refused() {
        let (_folder, path) = file("0123456789\n", 0o600);
        assert!(matches!(Token::read(&path), Err(TokenError::Weak { .. })));
    }

    #[test]
    fn only_the_same_secret_matches() {
        let (_folder, path) = file("0123456789abcdef0123\n", 0o600);
        let token = Token::read(&path).unwrap();
        assert!(token.matches("0123456789abcdef0123"));
        for wrong in [
            "",
            "0123456789abcdef012",
            "0123456789abcdef01234",
            "0123456789abcdef0124",
        ] {
            assert!(!token.matches(wrong));
        }
        assert!(!format!("{token:?}").contains("0123"));
    }
}
