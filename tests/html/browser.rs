//! A real Chromium, controlled through its driver. Both end with the tests, however these end.

use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use fantoccini::actions::{InputSource as _, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use serde_json::{Value, json};

const CHROMIUM: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";

/// What this machine lacks.
pub(crate) fn missing() -> Option<&'static str> {
    [(CHROMIUM, "chromium"), (DRIVER, "chromedriver, of chromium-driver")]
        .into_iter()
        .find_map(|(path, name)| (!Path::new(path).exists()).then_some(name))
}

/// A test's body.
pub(crate) type Body = for<'a> fn(&'a Browser) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One browser for all tests, because its start takes longer than most of them.
static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

struct Shared {
    browser: Browser,
    runtime: tokio::runtime::Runtime,
    // Ends when the browser is closed.
    _driver: Driver,
}

/// Runs the body of a test in an empty window.
pub(crate) fn run(body: Body) {
    with(async |browser| body(browser).await);
}

/// Runs something with the browser, which is started if it was not yet.
pub(crate) fn with(body: impl AsyncFnOnce(&Browser)) {
    // A failed test poisons the lock; that is harmless, because the next one clears the browser first.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let Shared { browser, runtime, .. } = shared.get_or_insert_with(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let driver = Driver::start();
        Shared { browser: runtime.block_on(driver.browser()), runtime, _driver: driver }
    });
    runtime.block_on(async {
        browser.clear().await;
        body(browser).await;
    });
}

/// Closes the browser and ends its driver.
pub(crate) fn close() {
    let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Shared { browser, runtime, _driver }) = shared {
        runtime.block_on(browser.client.close()).unwrap();
    }
}

/// A running driver.
struct Driver {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Driver {
    /// Starts one on a free port, and reads the port from its output.
    fn start() -> Self {
        let mut command = Command::new(DRIVER);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        // Its further output must be read, or it blocks.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            port: port.expect("the driver says on which port it listens"),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn browser(&self) -> Browser {
        let mut args = vec![
            "--headless=new".to_owned(),
            "--window-size=1400,1000".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--disable-background-networking".to_owned(),
            format!("--user-data-dir={}", self.folder.path().join("profile").display()),
        ];
        // Chromium's own sandbox refuses root.
        if nix::unistd::geteuid().is_root() {
            args.push("--no-sandbox".to_owned());
        }
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": CHROMIUM, "args": args},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        });
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .unwrap();
        Browser { client, folder: self.folder.path().to_owned() }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser with one window.
pub(crate) struct Browser {
    pub(crate) client: Client,
    folder: PathBuf,
}

impl Browser {
    /// As new.
    async fn clear(&self) {
        self.client.goto("about:blank").await.unwrap();
        self.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
        self.devtools("Emulation.setEmulatedMedia", json!({"media": "", "features": []})).await;
        self.client.release_actions().await.unwrap();
        self.log("browser").await;
        self.log("performance").await;
    }

    /// Writes a page and opens it.
    pub(crate) async fn open(&self, page: &str) {
        let path = self.folder.join("report.html");
        std::fs::write(&path, page).unwrap();
        self.client.goto(&format!("file://{}", path.display())).await.unwrap();
    }

    pub(crate) async fn js(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    pub(crate) async fn find(&self, css: &str) -> Element {
        self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// How many elements of these are seen.
    pub(crate) async fn seen(&self, css: &str) -> u64 {
        let script =
            format!("return [...document.querySelectorAll({css:?})].filter(e => e.getClientRects().length > 0).length");
        self.js(&script).await.as_u64().unwrap()
    }

    /// The details beside a point or a bar; empty where none are seen.
    pub(crate) async fn tip(&self) -> String {
        self.find("#tip").await.text().await.unwrap()
    }

    /// Moves the pointer over the middle of an element.
    pub(crate) async fn hover(&self, css: &str) {
        self.js(&format!("document.querySelector({css:?}).scrollIntoView({{block: 'center'}})")).await;
        let element = self.find(css).await;
        let moved = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
        self.client.perform_actions(MouseActions::new("mouse".to_owned()).then(moved)).await.unwrap();
    }

    /// What the page wrote to the console, and what the browser reported about it.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let all = self.log("browser").await;
        all.iter().map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Every address that the page requested.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let all = self.log("performance").await;
        let messages = all.iter().filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        let sent = messages.filter(|message| message["message"]["method"] == "Network.requestWillBeSent");
        sent.filter_map(|message| Some(message["message"]["params"]["request"]["url"].as_str()?.to_owned())).collect()
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let command = Raw { path: "se/log", body: json!({"type": kind}) };
        self.client.issue_cmd(command).await.unwrap().as_array().unwrap().clone()
    }

    /// A command of the `DevTools` protocol.
    pub(crate) async fn devtools(&self, cmd: &str, params: Value) -> Value {
        let command = Raw { path: "goog/cdp/execute", body: json!({"cmd": cmd, "params": params}) };
        self.client.issue_cmd(command).await.unwrap()
    }

    /// The size of the window, in its own units.
    pub(crate) async fn size(&self, width: u32, height: u32) {
        let params = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", params).await;
    }

    pub(crate) async fn scheme(&self, name: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": name}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// A picture of a part of the page: left, top, width, height.
    pub(crate) async fn picture(&self, [x, y, width, height]: [f64; 4], scale: f64) -> Vec<u8> {
        let clip = json!({"x": x, "y": y, "width": width, "height": height, "scale": scale});
        let params = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let answer = self.devtools("Page.captureScreenshot", params).await;
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }
}

/// A command that fantoccini does not have.
#[derive(Debug)]
struct Raw {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Raw {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
