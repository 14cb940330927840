//! A headless Chromium by way of chromedriver, in the few words of W3C WebDriver that the tests need.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::{Client, SOON, wait_for};

/// A browser with one window, closed when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    client: Client,
    session: String,
}

impl Browser {
    /// Starts one. None: Chromium or chromedriver is not on this machine, and its tests are left out.
    ///
    /// # Panics
    /// When there is none though `ACTIVITY_FEED_REQUIRE_BROWSER` is `1`, and when it does not start.
    #[track_caller]
    pub fn start(test: &str) -> Option<Self> {
        let chromium = find("CHROMIUM", &["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]);
        let driver = find("CHROMEDRIVER", &["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"]);
        let (Some(chromium), Some(driver)) = (chromium, driver) else {
            println!("left out, because Chromium or chromedriver is missing: {test}");
            let required = env::var_os("ACTIVITY_FEED_REQUIRE_BROWSER").is_some_and(|value| value == "1");
            assert!(!required, "{test} was left out, and ACTIVITY_FEED_REQUIRE_BROWSER=1 forbids that");
            return None;
        };
        // It takes a free port for IPv4, asks for the same one for IPv6, and ends where somebody else has that.
        let (driver, port) = (0..5).find_map(|_| start_driver(&driver)).expect("chromedriver says its port");
        let client = Client::new(SocketAddr::from(([127, 0, 0, 1], port)), None);
        let mut browser = Self { driver, client, session: String::new() };
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": chromium,
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--no-first-run", "--disable-extensions", "--window-size=1280,900"],
            },
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": 60_000, "pageLoad": 60_000},
        }}});
        let session = browser.command("POST", "/session", &capabilities);
        session["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        Some(browser)
    }

    /// Loads a page.
    #[track_caller]
    pub fn go(&self, url: &str) {
        self.in_session("POST", "/url", &json!({ "url": url }));
    }

    /// Loads the page again.
    #[track_caller]
    pub fn reload(&self) {
        self.in_session("POST", "/refresh", &json!({}));
    }

    /// Turns scripts off or on for the pages that are loaded from now on.
    #[track_caller]
    pub fn scripts(&self, on: bool) {
        self.cdp("Emulation.setScriptExecutionDisabled", &json!({"value": !on}));
    }

    /// Makes the window a telephone's or a desk's, in this colour scheme.
    #[track_caller]
    pub fn look(&self, phone: bool, scheme: &str) {
        let (width, height) = if phone { (390, 844) } else { (1280, 860) };
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone});
        self.cdp("Emulation.setDeviceMetricsOverride", &size);
        self.cdp("Emulation.setTouchEmulationEnabled", &json!({"enabled": phone, "maxTouchPoints": 1}));
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.cdp("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// One command of the Chrome DevTools Protocol.
    #[track_caller]
    pub fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.in_session("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Presses a key and lets go of it; named as `KeyboardEvent.key` names it, with `Shift+` before it.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let (modifiers, key) = key.strip_prefix("Shift+").map_or((0, key), |key| (8, key));
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            " " => (32, " "),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowUp" => (38, ""),
            "ArrowDown" => (40, ""),
            "/" => (191, "/"),
            _ => panic!("{key} is not a key that the tests know"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let stroke =
                json!({"type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text, "modifiers": modifiers});
            self.cdp("Input.dispatchKeyEvent", &stroke);
        }
    }

    /// Freezes the tab as a browser does with one that sleeps, or wakes it.
    #[track_caller]
    pub fn freeze(&self, frozen: bool) {
        let state = if frozen { "frozen" } else { "active" };
        self.cdp("Page.setWebLifecycleState", &json!({ "state": state }));
    }

    /// Goes back or forward in the tab's history.
    #[track_caller]
    pub fn travel(&self, to: &str) {
        self.in_session("POST", &format!("/{to}"), &json!({}));
    }

    /// The window as a PNG.
    #[track_caller]
    pub fn screenshot(&self) -> Vec<u8> {
        let png = self.in_session("GET", "/screenshot", &json!({}));
        STANDARD.decode(png.as_str().expect("a picture")).expect("base64")
    }

    /// Opens one more tab, and gives its name.
    #[track_caller]
    pub fn open_tab(&self) -> String {
        let tab = self.in_session("POST", "/window/new", &json!({"type": "tab"}));
        tab["handle"].as_str().expect("a handle").to_owned()
    }

    /// The name of the tab that commands go to.
    #[track_caller]
    pub fn tab(&self) -> String {
        self.in_session("GET", "/window", &json!({})).as_str().expect("a handle").to_owned()
    }

    /// The names of all tabs.
    #[track_caller]
    pub fn tabs(&self) -> Vec<String> {
        let tabs = self.in_session("GET", "/window/handles", &json!({}));
        tabs.as_array().expect("handles").iter().filter_map(|tab| tab.as_str().map(str::to_owned)).collect()
    }

    /// Sends what follows to this tab.
    #[track_caller]
    pub fn switch(&self, tab: &str) {
        self.in_session("POST", "/window", &json!({ "handle": tab }));
    }

    /// Closes the tab that commands go to; another one is to be switched to.
    #[track_caller]
    pub fn close_tab(&self) {
        self.in_session("DELETE", "/window", &json!({}));
    }

    /// Runs the body of a function in the page and gives what it returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.in_session("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// All text of the page that a viewer sees, open shadow roots included, in the order of the document.
    #[track_caller]
    pub fn text(&self) -> String {
        let script = "
            const out = [];
            const walk = (node) => {
                if (node.nodeType === Node.TEXT_NODE) { out.push(node.data); return; }
                if (node.nodeType === Node.ELEMENT_NODE) {
                    if (['SCRIPT', 'STYLE', 'TEMPLATE', 'NOSCRIPT'].includes(node.tagName)) return;
                    if (getComputedStyle(node).display === 'none') return;
                    if (node.shadowRoot) walk(node.shadowRoot);
                }
                for (const child of node.childNodes) walk(child);
            };
            walk(document.body);
            return out.join(' ').replace(/\\s+/g, ' ');";
        self.run(script).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows this text, and gives all its text.
    #[track_caller]
    pub fn wait_text(&self, text: &str, limit: Duration) -> String {
        wait_for(&format!("{text:?} on the page"), limit, || Some(self.text()).filter(|page| page.contains(text)))
    }

    /// What the page has written to the console since the last call, warnings and errors alone: failed scripts,
    /// violations of the Content-Security-Policy, answers of an error status.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.in_session("POST", "/se/log", &json!({"type": "browser"}));
        log.as_array()
            .expect("a log")
            .iter()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    #[track_caller]
    fn in_session(&self, method: &str, path: &str, body: &Value) -> Value {
        self.command(method, &format!("/session/{}{path}", self.session), body)
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let headers = [("Content-Type", "application/json")];
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let answer = self.client.send(method, path, &headers, body.as_bytes());
        let value = answer.json()["value"].clone();
        assert_eq!(answer.status, 200, "{method} {path}: {value}");
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.client.try_send("DELETE", &format!("/session/{}", self.session), &[], b"");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The driver and the port that it listens on; none where it has ended instead.
fn start_driver(program: &str) -> Option<(Child, u16)> {
    let mut driver = Command::new(program)
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver can be started");
    let stdout = driver.stdout.take().expect("a pipe");
    let (port, told) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let number = line.rsplit("on port ").next().map(|rest| rest.trim_end_matches('.'));
            if let Some(number) = number.and_then(|number| number.parse::<u16>().ok()).filter(|port| *port > 0) {
                let _ = port.send(number);
            }
        }
    });
    let port = told.recv_timeout(SOON).ok();
    if port.is_none() {
        let _ = driver.kill();
        let _ = driver.wait();
    }
    Some((driver, port?))
}

/// The program that a variable names, or the first of these that is there.
fn find(variable: &str, places: &[&str]) -> Option<String> {
    let named = env::var(variable).ok();
    named.into_iter().chain(places.iter().map(|&place| place.to_owned())).find(|path| Path::new(path).exists())
}
