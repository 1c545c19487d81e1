//! nginx as the compiled-in recipe runs it: the server of this machine, one for each pod.

use std::time::Duration;

use libtest_mimic::Trial;
use tokio::time::sleep;

use crate::apache::get;
use crate::bench::{Bench, web_server};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let installed = std::path::Path::new("/usr/sbin/nginx").exists();
    let all = vec![
        trial("nginx_serves_and_names_its_pod", serves),
        trial("the_hooks_nginx_reaches_its_own_pod_only", hook_reaches_its_own),
        trial("without_the_hook_the_stop_signal_cuts_nginxs_answer", cut_without_hook),
    ];
    all.into_iter().map(|trial| trial.with_ignored_flag(!installed)).collect()
}

/// The length of the received body, and the announced one.
fn lengths(response: &str) -> (usize, usize) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_default();
    let promised = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap_or("0");
    (body.len(), promised.parse().unwrap())
}

async fn serves() {
    let bench = Bench::start();
    bench.pod("web-1", web_server("nginx", 8091, None), 5);
    bench.ready("web-1").await;
    let response = get(&bench, "web-1", "/").await;
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("nginx\n"), "{response}");
    assert!(response.contains("X-Pod: web-1\r\n"), "{response}");
    let clock = rollproof::clock::Clock::start();
    let response = get(&bench, "web-1", "/slow?ms=2000").await;
    assert!(response.starts_with("HTTP/1.1 200") && response.contains("X-Pod: web-1"), "{response}");
    assert_eq!(lengths(&response), (2000, 2000));
    // nginx counts whole seconds of its own clock.
    assert!(clock.now() >= 1_000_000_000);
    assert!(get(&bench, "web-1", "/slow?ms=1").await.starts_with("HTTP/1.1 404"));
    bench.delete("web-1");
    bench.gone("web-1").await;
    bench.end().await;
}

async fn hook_reaches_its_own() {
    let bench = Bench::start();
    for pod in ["web-1", "web-2"] {
        bench.pod(pod, web_server("nginx", 8092, Some("sleep 0.5; nginx -s quit; sleep 30")), 40);
    }
    for pod in ["web-1", "web-2"] {
        bench.ready(pod).await;
    }
    let (slow, ()) = tokio::join!(get(&bench, "web-1", "/slow?ms=2000"), async {
        sleep(Duration::from_millis(300)).await;
        bench.delete("web-1");
    });
    assert_eq!(lengths(&slow), (2000, 2000), "the answer in flight was not drained: {slow:?}");
    bench.gone("web-1").await;
    let response = get(&bench, "web-2", "/").await;
    assert!(response.contains("X-Pod: web-2"), "the other pod's server was reached: {response:?}");
    bench.end().await;
}

async fn cut_without_hook() {
    let bench = Bench::start();
    bench.pod("web-1", web_server("nginx", 8093, None), 40);
    bench.ready("web-1").await;
    let (slow, ()) = tokio::join!(get(&bench, "web-1", "/slow?ms=2000"), async {
        sleep(Duration::from_millis(300)).await;
        bench.delete("web-1");
    });
    let (came, promised) = lengths(&slow);
    assert!(came < promised || slow.is_empty(), "an answer in flight outlived SIGTERM: {slow:?}");
    bench.gone("web-1").await;
    bench.end().await;
}
