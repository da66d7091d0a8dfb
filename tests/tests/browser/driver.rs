//! What chromedriver needs to be told: how its browser is started, the commands beyond WebDriver, and how all of it ends.
//! It drives nothing.

use std::path::Path;

use end_to_end::{processes, wait_for_condition};
use fantoccini::wd::WebDriverCompatibleCommand;
use nix::sys::signal::Signal;
use reqwest::{Method, Url};
use serde_json::{Value, json};

/// A command that WebDriver itself does not have.
#[derive(Debug)]
pub(crate) struct Extension {
    pub(crate) path: &'static str,
    pub(crate) body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(
        &self,
        base: &Url,
        session: Option<&str>,
    ) -> Result<Url, <Url as std::str::FromStr>::Err> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// A browser that asks nobody but the pages of the test for anything.
pub(crate) fn capabilities(profile: &Path) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    json!({
        "browserName": "chrome",
        "goog:loggingPrefs": { "browser": "ALL" },
        "unhandledPromptBehavior": "ignore",
        "goog:chromeOptions": {
            "binary": "/usr/bin/chromium",
            "args": [
                profile,
                "--headless=new",
                "--window-size=1280,900",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-breakpad",
                "--no-first-run",
                "--no-proxy-server",
            ],
        },
    })
}

/// Kills what is left of the browser with this profile. It is no member of the driver's process group; its helpers end with it.
pub(crate) fn end_browser(profile: &Path) {
    for pid in processes_of(profile) {
        processes::signal(pid, Signal::SIGKILL);
    }
    if !std::thread::panicking() {
        wait_for_condition("the end of the browser", || {
            let left = processes_of(profile);
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
    }
}

fn processes_of(profile: &Path) -> Vec<i32> {
    let profile = profile.display().to_string();
    let names_it = |pid: &i32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(&profile))
    };
    processes::all().into_iter().filter(names_it).collect()
}
