//! Apache as the compiled-in recipe runs it: the server of this machine, one for each pod.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::json;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::bench::{Bench, web_server};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let installed = std::path::Path::new("/usr/sbin/apache2").exists();
    let all = vec![
        trial("apache_serves_and_names_its_pod", serves),
        trial("the_hooks_apachectl_reaches_its_own_pod_only", hook_reaches_its_own),
        trial("a_prefork_child_is_drained_too", prefork_drains),
        trial("without_the_hook_the_stop_signal_cuts_a_request", cut_without_hook),
    ];
    all.into_iter().map(|trial| trial.with_ignored_flag(!installed)).collect()
}

/// The response, or an empty text if the connection was refused, cut or closed without one.
pub(crate) async fn get(bench: &Bench, pod: &str, path: &str) -> String {
    let pod = bench.get(pod);
    let port = &pod["spec"]["containers"][0]["ports"][0]["containerPort"];
    let address: SocketAddr = format!("{}:{port}", pod["status"]["podIP"].as_str().unwrap()).parse().unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
    let exchange = move || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(request.as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    };
    spawn_blocking(exchange).await.unwrap().unwrap_or_default()
}

async fn serves() {
    let bench = Bench::start();
    bench.pod("web-1", web_server("apache", 8081, None), 5);
    bench.ready("web-1").await;
    let response = get(&bench, "web-1", "/").await;
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("apache\n"), "{response}");
    assert!(response.contains("X-Pod: web-1\r\n"), "{response}");
    let clock = rollproof::clock::Clock::start();
    let response = get(&bench, "web-1", "/slow?ms=600").await;
    assert!(response.starts_with("HTTP/1.1 200") && response.contains("X-Pod: web-1"), "{response}");
    assert!(clock.now() >= 600_000_000);
    bench.delete("web-1");
    bench.gone("web-1").await;
    bench.end().await;
}

async fn hook_reaches_its_own() {
    let bench = Bench::start();
    for pod in ["web-1", "web-2"] {
        bench.pod(pod, web_server("apache", 8082, Some("sleep 0.5; apachectl -k graceful-stop; sleep 30")), 40);
    }
    for pod in ["web-1", "web-2"] {
        bench.ready(pod).await;
    }
    let (slow, ()) = tokio::join!(get(&bench, "web-1", "/slow?ms=2500"), async {
        sleep(Duration::from_millis(300)).await;
        bench.delete("web-1");
    });
    assert!(slow.starts_with("HTTP/1.1 200"), "the request in flight was not drained: {slow:?}");
    // The server was the main process, so the hook's last sleep ended with it.
    bench.gone("web-1").await;
    assert_eq!(bench.events("web-1")["FailedPreStopHook"], "PreStopHook failed");
    let response = get(&bench, "web-2", "/").await;
    assert!(response.contains("X-Pod: web-2"), "the other pod's server was reached: {response:?}");
    bench.end().await;
}

/// The parent stops its children with SIGUSR1, which interrupts their sleep.
async fn prefork_drains() {
    let bench = Bench::start();
    let mut container = web_server("apache", 8084, Some("sleep 0.5; apachectl -k graceful-stop; sleep 30"));
    container["env"] = json!([{"name": "APACHE_MPM", "value": "prefork"}]);
    bench.pod("web-1", container, 40);
    bench.ready("web-1").await;
    let clock = rollproof::clock::Clock::start();
    let (slow, ()) = tokio::join!(get(&bench, "web-1", "/slow?ms=2500"), async {
        sleep(Duration::from_millis(300)).await;
        bench.delete("web-1");
    });
    assert!(slow.starts_with("HTTP/1.1 200"), "the request in flight was not drained: {slow:?}");
    assert!(clock.now() >= 2_500_000_000, "the signal shortened the answer that it should wait for");
    bench.gone("web-1").await;
    bench.end().await;
}

async fn cut_without_hook() {
    let bench = Bench::start();
    bench.pod("web-1", web_server("apache", 8083, None), 40);
    bench.ready("web-1").await;
    let (slow, ()) = tokio::join!(get(&bench, "web-1", "/slow?ms=2500"), async {
        sleep(Duration::from_millis(300)).await;
        bench.delete("web-1");
    });
    assert_eq!(slow, "", "a request in flight outlived SIGTERM");
    bench.gone("web-1").await;
    bench.end().await;
}
