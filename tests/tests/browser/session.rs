//! chromedriver and one browser of its own: pages, scripts, keys, the browser's log.
//! It knows nothing of the pages. Calls block: a test is one thread that waits for conditions.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::error::CmdError;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::driver::{self, Extension};
use crate::service::Service;

/// A second is enough to end a browser that works; one that does not is killed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Keys without a letter, as WebDriver names them.
pub(crate) mod key {
    pub(crate) const TAB: char = '\u{e004}';
    pub(crate) const ENTER: char = '\u{e007}';
    pub(crate) const SHIFT: char = '\u{e008}';
    pub(crate) const ESCAPE: char = '\u{e00c}';
    pub(crate) const ARROW_LEFT: char = '\u{e012}';
}

/// One entry of the browser's log: what scripts print, and what the browser itself complains of.
#[derive(Clone, Debug, Deserialize)]
#[expect(
    dead_code,
    reason = "the message is read by people, in what a failed test prints"
)]
pub(crate) struct LogEntry {
    pub(crate) level: String,
    pub(crate) source: String,
    pub(crate) message: String,
}

/// One browser. Ended when dropped, with all that belongs to it.
pub(crate) struct Session {
    client: Client,
    runtime: Runtime,
    profile: PathBuf,
    _driver: Service,
}

impl Session {
    /// Starts chromedriver by this command, which has the test's environment, and a browser with its profile in the folder.
    pub(crate) fn start(mut command: Command, folder: &Path) -> Self {
        // Both write below the home and the folder for temporary files; both end with the test.
        command
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .arg("--port=0");
        let mut driver = Service::start(command, folder, "chromedriver");
        let port = driver.wait_for_word_after("started successfully on port ");
        let address = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        let profile = folder.join("profile");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let Value::Object(capabilities) = driver::capabilities(&profile) else {
            unreachable!("capabilities are an object")
        };
        builder.capabilities(capabilities);
        let client = runtime
            .block_on(builder.connect(&address))
            .unwrap_or_else(|error| panic!("no browser: {error}: {}", driver.output()));
        Self {
            client,
            runtime,
            profile,
            _driver: driver,
        }
    }

    /// Opens an address.
    pub(crate) fn open(&self, url: &str) {
        self.runtime
            .block_on(self.client.goto(url))
            .unwrap_or_else(|error| panic!("{url} does not open: {error}"));
    }

    /// Loads the page again.
    pub(crate) fn reload(&self) {
        self.runtime
            .block_on(self.client.refresh())
            .expect("the page loads again");
    }

    /// Runs the body of a function in the page. The browser runs it outside of the page's own policy for scripts.
    pub(crate) fn try_run(&self, script: &str) -> Result<Value, CmdError> {
        self.runtime.block_on(self.client.execute(script, vec![]))
    }

    /// The same for a promise, whose value is returned.
    pub(crate) fn run_promise(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
            (async () => {{ {script} }})().then(done, (error) => done({{ error: String(error) }}));"
        );
        self.runtime
            .block_on(self.client.execute_async(&script, vec![]))
            .unwrap_or_else(|error| panic!("{script} fails: {error}"))
    }

    /// Presses keys one after the other, as a person does.
    pub(crate) fn press(&self, keys: impl IntoIterator<Item = char>) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys {
            actions = actions
                .then(KeyAction::Down { value })
                .then(KeyAction::Up { value });
        }
        self.perform(actions);
    }

    /// Presses a key while another is held.
    pub(crate) fn press_with(&self, held: char, value: char) {
        let actions = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: held })
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value })
            .then(KeyAction::Up { value: held });
        self.perform(actions);
    }

    fn perform(&self, actions: KeyActions) {
        self.runtime
            .block_on(self.client.perform_actions(actions))
            .expect("keys can be pressed");
    }

    /// Opens a tab and goes to it; the one before is hidden by that.
    pub(crate) fn open_tab(&self) -> WindowHandle {
        self.runtime.block_on(async {
            let tab = self.client.new_window(true).await.expect("a tab opens");
            self.client
                .switch_to_window(tab.handle.clone())
                .await
                .expect("the tab is there");
            tab.handle
        })
    }

    /// The tab that is driven now.
    pub(crate) fn tab(&self) -> WindowHandle {
        self.runtime
            .block_on(self.client.window())
            .expect("a tab is there")
    }

    /// Goes to a tab, as a click on it does.
    pub(crate) fn show_tab(&self, tab: &WindowHandle) {
        self.runtime
            .block_on(self.client.switch_to_window(tab.clone()))
            .expect("the tab is there");
        self.tell_browser("Page.bringToFront", json!({}));
    }

    /// The size of the page's window, as a screen of this kind has it.
    pub(crate) fn resize(&self, width: u32, height: u32, is_phone: bool) {
        self.tell_browser(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone }),
        );
    }

    /// What the system is set to: `prefers-color-scheme`, `prefers-reduced-motion` and the like.
    pub(crate) fn prefer(&self, feature: &str, value: &str) {
        self.tell_browser(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": feature, "value": value }] }),
        );
    }

    /// A command of the browser's own protocol.
    pub(crate) fn tell_browser(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.extension("goog/cdp/execute", body)
    }

    /// What came to the browser's log since the last call.
    pub(crate) fn take_log(&self) -> Vec<LogEntry> {
        let entries = self.extension("se/log", json!({ "type": "browser" }));
        serde_json::from_value(entries).expect("the log is an array of entries")
    }

    /// Whether a page has opened a dialog.
    pub(crate) fn alert_text(&self) -> Option<String> {
        self.runtime.block_on(self.client.get_alert_text()).ok()
    }

    fn extension(&self, path: &'static str, body: Value) -> Value {
        let command = Extension { path, body };
        self.runtime
            .block_on(self.client.issue_cmd(command))
            .unwrap_or_else(|error| panic!("{path} fails: {error}"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let close = self.client.clone().close();
            let _ = self
                .runtime
                .block_on(async { tokio::time::timeout(CLOSE_TIMEOUT, close).await });
        }
        driver::end_browser(&self.profile);
    }
}
