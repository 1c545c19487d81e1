//! Runs whose way to the API server is slow or is cut at random: each ends with a verdict that is no false pass, leaves nothing behind,
//! and a record that reads. The load comes from a pod, where commands and lines take that way, and from this machine, where watches
//! take it too.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libtest_mimic::Trial;
use rollproof::rng::Rng;
use serde_json::{Value, json};

use crate::cluster::{context, kubectl, nothing_left};
use crate::program::{program, report, run};
use crate::side_test;

/// Runs in all, one seed each: with and without delays and cuts, from both places.
const RUNS: u64 = 4;
/// A loss that is expected to be none: a pass would be false.
const SCENARIO: &str =
    "name: api-trouble\nmanifests: target.yaml\nload: {rate: 60}\ntrials: 1\nvariants: {exit: {expect: clean}}\n";

pub(crate) fn tests() -> Vec<Trial> {
    vec![side_test("a_slow_or_cut_way_to_the_api_server_gives_no_false_pass", no_false_pass)]
}

/// Passes connections on to the API server, and hurts them.
struct BadWay {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    cuts: Arc<AtomicU64>,
}

impl BadWay {
    /// Each piece of at most 16 KiB waits up to `delay`; every connection is cut each `cut_every`.
    fn to(server: SocketAddr, seed: u64, delay: Duration, cut_every: Option<Duration>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (over, cuts) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let random = Arc::new(Mutex::new(Rng::stream(seed, "api trouble")));
        let (ending, streams) = (Arc::clone(&over), Arc::clone(&open));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                streams.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to, random) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&random));
                    std::thread::spawn(move || pass(from, to, delay, &random));
                }
            }
        });
        if let Some(every) = cut_every {
            let (ending, counted) = (Arc::clone(&over), Arc::clone(&cuts));
            std::thread::spawn(move || {
                while !ending.load(Ordering::Relaxed) {
                    std::thread::sleep(every);
                    for stream in open.lock().unwrap().drain(..) {
                        counted.fetch_add(1, Ordering::Relaxed);
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                }
            });
        }
        Self { address, over, cuts }
    }
}

impl Drop for BadWay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the listener, so that its thread ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, delay: Duration, random: &Mutex<Rng>) {
    let mut piece = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        let share = random.lock().unwrap().unit();
        std::thread::sleep(delay.mul_f64(share));
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// The API server's address, and a kubeconfig whose context of the same name leads to it over `way`.
fn kubeconfig(folder: &Path, way: impl FnOnce(SocketAddr) -> SocketAddr) -> PathBuf {
    let view = kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]).expect_code(0).stdout;
    let mut config: Value = serde_json::from_str(&view).unwrap();
    let cluster = &mut config["clusters"][0]["cluster"];
    let server = cluster["server"].as_str().unwrap().trim_start_matches("https://").parse().unwrap();
    cluster["server"] = json!(format!("https://{}", way(server)));
    let path = folder.join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

fn no_false_pass() {
    let mut told = Vec::new();
    for seed in 0..RUNS {
        let folder = tempfile::tempdir().unwrap();
        let mut random = Rng::stream(seed, "api trouble");
        let delay = Duration::from_millis([0, 150, 600][usize::try_from(seed % 3).unwrap()]);
        let cuts = (seed % 3 != 1).then(|| Duration::from_secs_f64(2.0 + 4.0 * random.unit()));
        let mut way = None;
        let config = kubeconfig(folder.path(), |server| {
            let bad = BadWay::to(server, seed, delay, cuts);
            let address = bad.address;
            way = Some(bad);
            address
        });
        std::fs::copy("manifests/target.yaml", folder.path().join("target.yaml")).unwrap();
        let scenario = folder.path().join("api-trouble.yaml");
        std::fs::write(&scenario, SCENARIO).unwrap();
        let out = folder.path().join("run");
        let mut command = program();
        command.env("KUBECONFIG", &config).arg("run").arg(&scenario).arg("--out").arg(&out);
        command.args([
            "--cluster",
            &format!("context:{}", context()),
            "--agent-image",
            super::attach::image_on_nodes(),
        ]);
        let from = if seed % 2 == 0 { "pod" } else { "host" };
        let ran = run(command.args(["--load-from", from]));
        // Refused, broken, fail or inconclusive; a pass would be false.
        assert!(matches!(ran.code, Some(3..=5)), "seed {seed}: {:?}\n{}", ran.code, ran.stderr);
        if out.join("record.jsonl").exists() {
            nothing_left(&out);
            let again = run(program().arg("report").arg(&out));
            assert!(matches!(again.code, Some(4 | 5)), "seed {seed}: {:?}\n{}", again.code, again.stderr);
            assert_ne!(report(&out)["verdict"], "pass");
        }
        told.push((seed, ran.code, way.map(|way| way.cuts.load(Ordering::Relaxed))));
    }
    assert!(told.iter().any(|(_, code, _)| *code == Some(4)), "some run sees the loss all the same: {told:?}");
    assert!(told.iter().any(|(_, _, cuts)| *cuts > Some(0)), "{told:?}");
}
