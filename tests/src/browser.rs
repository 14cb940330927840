//! A headless Chromium by way of chromedriver, in the few words of W3C WebDriver that the tests need.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

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
        let mut driver = Command::new(driver)
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
        let port = told.recv_timeout(SOON).expect("chromedriver says its port");
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
            "timeouts": {"script": 20_000, "pageLoad": 20_000},
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
        let answer = self.client.send(method, path, &headers, body.to_string().as_bytes());
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

/// The program that a variable names, or the first of these that is there.
fn find(variable: &str, places: &[&str]) -> Option<String> {
    let named = env::var(variable).ok();
    named.into_iter().chain(places.iter().map(|&place| place.to_owned())).find(|path| Path::new(path).exists())
}
