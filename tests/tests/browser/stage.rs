//! The whole of a test: scene, dashboard, browser, in the order in which they end; and waiting for what the page shows.
//! It judges nothing but the browser's log.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use end_to_end::{AgentsFile, Scene, let_time_pass, program, wait_for_condition};
use serde_json::Value;
use std::time::Duration;

use crate::service::Service;
use crate::session::Session;

/// What every script of a test may use.
const HELPERS: &str = "
    const all = (selector) => [...document.querySelectorAll(selector)];
    const one = (selector) => document.querySelector(selector);
    const row = (name) => all('#fleet tr').find((tr) => tr.dataset.instance === name);
    const connection = () => one('#connection')?.dataset.connection;
    const banner = () => one('#banner')?.dataset.banner;
    const lines = () => all('#log-lines .line').map((line) => line.dataset.origin + ' ' + line.querySelector('.text').textContent);
    const shown = (element) => !!element && element.checkVisibility();
";

/// Between two looks at a page: each costs a round trip through three processes.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// What a test works with. The fields end in their order: nothing outlives the scene, which checks that.
pub(crate) struct Stage {
    pub(crate) browser: Session,
    dashboard: Option<Service>,
    url: String,
    dashboards: usize,
    pub(crate) scene: Scene,
    expects_lost_connections: bool,
}

impl Stage {
    /// A running coordinator, a dashboard, and a browser without a page.
    pub(crate) fn started(agents: &AgentsFile) -> Self {
        Self::on(Scene::started(agents))
    }

    /// The same on a scene of the test's own.
    pub(crate) fn on(scene: Scene) -> Self {
        let mut driver = Command::new("chromedriver");
        scene.prepare(&mut driver);
        let dashboard = start_dashboard(&scene, "127.0.0.1:0", 1);
        let browser = Session::start(driver, scene.folder());
        let (dashboard, url) = dashboard;
        Self {
            browser,
            dashboard: Some(dashboard),
            url,
            dashboards: 1,
            scene,
            expects_lost_connections: false,
        }
    }

    /// Kills the dashboard. From now on requests that get no answer are no fault of the page.
    pub(crate) fn kill_dashboard(&mut self) {
        self.expects_lost_connections = true;
        self.dashboard = None;
    }

    /// Starts it again where it was.
    pub(crate) fn start_dashboard_again(&mut self) {
        self.dashboards += 1;
        let address = self.url.trim_start_matches("http://");
        let (dashboard, url) = start_dashboard(&self.scene, address, self.dashboards);
        assert_eq!(url, self.url);
        self.dashboard = Some(dashboard);
    }

    /// Opens a page of the dashboard.
    pub(crate) fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.url));
    }

    /// Opens the fleet page and waits until it is live and shows all these agents.
    pub(crate) fn open_fleet(&self, names: &[&str]) {
        self.open("/");
        self.wait_for_rows(names);
        self.wait_for("connection() === 'live'");
    }

    /// Waits until the fleet shows all these agents.
    pub(crate) fn wait_for_rows(&self, names: &[&str]) {
        let names = serde_json::json!(names);
        self.wait_for(&format!("{names}.every(row)"));
    }

    /// Opens the page of an agent and waits until it is live.
    pub(crate) fn open_agent(&self, name: &str) {
        let row = self.scene.instance(name);
        self.open(&format!("/agents/{}", row.instance_id));
        self.wait_for("connection() === 'live'");
    }

    /// The same while the coordinator is down.
    pub(crate) fn open_agent_while_stale(&self, name: &str) {
        let row = self.scene.instance(name);
        self.open(&format!("/agents/{}", row.instance_id));
        self.wait_for("banner() === 'down' && connection() === 'stale'");
    }

    /// The value of an expression in the page.
    pub(crate) fn value(&self, expression: &str) -> Value {
        self.try_value(expression)
            .unwrap_or_else(|error| panic!("{expression}: {error}\n{}", self.describe()))
    }

    /// The same as text.
    pub(crate) fn text(&self, expression: &str) -> String {
        let value = self.value(expression);
        let text = value.as_str().map(ToOwned::to_owned);
        text.unwrap_or_else(|| panic!("{expression} is no text: {value}\n{}", self.describe()))
    }

    /// The same as a number.
    pub(crate) fn number(&self, expression: &str) -> f64 {
        let value = self.value(expression);
        let number = value.as_f64();
        number.unwrap_or_else(|| panic!("{expression} is no number: {value}\n{}", self.describe()))
    }

    fn try_value(&self, expression: &str) -> Result<Value, String> {
        let script = format!("{HELPERS} return ({expression});");
        self.browser
            .try_run(&script)
            .map_err(|error| error.to_string())
    }

    /// Waits until an expression in the page is true, and gives its value.
    pub(crate) fn wait_for(&self, expression: &str) -> Value {
        wait_for_condition(expression, || match self.try_value(expression) {
            Ok(value) if is_true(&value) => Ok(value),
            seen => {
                let_time_pass(LOOK_EVERY);
                Err(Seen {
                    value: format!("{seen:?}"),
                    stage: self,
                })
            }
        })
    }

    /// Requires an expression in the page to be true now.
    pub(crate) fn check(&self, expression: &str) {
        let value = self.value(expression);
        assert!(
            is_true(&value),
            "{expression} is {value}\n{}",
            self.describe()
        );
    }

    /// Remembers in the page that it is this one; [`Self::check_not_reloaded`] fails once another was loaded.
    pub(crate) fn mark_page(&self) {
        self.value("window.isThisPage = true");
    }

    /// Requires that the page is the one that was marked.
    pub(crate) fn check_not_reloaded(&self) {
        self.check("window.isThisPage === true");
    }

    /// What is asked for without the browser.
    pub(crate) fn get(&self, path: &str) -> String {
        let authority = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(authority).expect("the dashboard listens");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n").expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(head.starts_with("HTTP/1.0 200"), "{path}: {head}");
        body.to_owned()
    }

    /// Requires that the browser has nothing to complain of: no violated policy, no error of a script, no dialog.
    pub(crate) fn check_log(&self) {
        assert_eq!(self.browser.alert_text(), None, "a page opened a dialog");
        let mut severe = self.browser.take_log();
        severe.retain(|entry| {
            entry.level == "SEVERE" && !(self.expects_lost_connections && entry.source == "network")
        });
        assert!(severe.is_empty(), "the browser complains: {severe:#?}");
    }

    /// What a failed test prints.
    fn describe(&self) -> String {
        let page = self
            .browser
            .try_run("return [location.href, document.title, document.activeElement?.outerHTML?.slice(0, 200), document.body.innerText].join('\\n')")
            .map_or_else(|error| error.to_string(), |page| page.as_str().unwrap_or_default().to_owned());
        let log = self.browser.take_log();
        let dashboard = self.dashboard.as_ref().map(Service::output);
        format!("the page:\n{page}\n\nthe browser's log: {log:#?}\nthe dashboard: {dashboard:#?}")
    }
}

/// What was seen last; the page is read only when the message is needed.
struct Seen<'a> {
    value: String,
    stage: &'a Stage,
}

impl std::fmt::Debug for Seen<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}\n{}", self.value, self.stage.describe())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check_log();
        }
    }
}

fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value.as_str() != Some("")
}

fn start_dashboard(scene: &Scene, listen: &str, number: usize) -> (Service, String) {
    let mut command = Command::new(program("dashboard"));
    scene.prepare(&mut command);
    command.args(["--listen", listen]);
    let name = format!("dashboard.{number}");
    let mut service = Service::start(command, scene.folder(), &name);
    let url = service.wait_for_word_after("listening on ");
    (service, url.trim_end_matches('/').to_owned())
}
