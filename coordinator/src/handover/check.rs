//! The hidden verb by which a new program says whether it could take over, before the old one lets go of anything.
//! It reads the document from stdin, opens nothing and takes no descriptor.

use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::{Document, FORMAT};

/// The name of the verb.
pub(crate) const CHECK_VERB: &str = "check-handover";

/// What a program prints that could take over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// Of the program.
    pub(crate) takes_over_as_version: String,
}

/// Reads the document as [`take_over`](super::take_over) would, and checks what else may stand in the way.
pub(crate) fn check_document(agents: &Path) -> anyhow::Result<()> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .context("read the state from stdin")?;
    let document = read_document(&text)?;
    coordinator_config::parse(&document.agents_toml, agents)
        .context("use agents.toml as it is in force")?;
    let verdict = Verdict {
        takes_over_as_version: env!("CARGO_PKG_VERSION").into(),
    };
    let line = serde_json::to_string(&verdict).context("write the verdict")?;
    writeln!(io::stdout(), "{line}").context("write the verdict")
}

/// The document; tells what is wrong with it.
pub(super) fn read_document(text: &str) -> anyhow::Result<Document> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
        version: String,
    }
    let head: Head = serde_json::from_str(text).context("understand the state handed over")?;
    if head.format != FORMAT {
        bail!(
            "take over from version {}: its state has format {}, this program reads {FORMAT}; stop that coordinator and \
             start this one",
            head.version,
            head.format
        );
    }
    serde_json::from_str(text).context("understand the state handed over")
}
