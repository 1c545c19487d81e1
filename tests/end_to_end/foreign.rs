//! Recipes of images that do not come with rollproof: when they run, and when they must not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::bad_luck::without_namespaces;
use crate::program::{Ran, program, report, run};
use crate::{Needs, Test, beside, test};

/// The exit codes of a run whose server started; what it loses does not matter to these tests.
const RAN: [i32; 3] = [0, 4, 5];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        beside("refused_a_shipped_manifest_beside_another_recipe", Needs::Nothing, copied),
        beside("refused_without_namespaces_a_shipped_manifest_beside_another_recipe", Needs::Nothing, no_namespaces),
        beside("refused_a_scenario_of_shipped_manifests_beside_another_recipe", Needs::Nothing, scenario),
        beside("refused_a_record_that_names_another_recipe", Needs::Nothing, record),
        beside("the_demo_runs_no_recipe_of_the_folder_it_is_started_in", Needs::Nothing, demo),
        test("another_recipe_runs_where_it_is_asked_for", Needs::Nothing, asked_for),
        beside("a_network_mark_from_elsewhere_is_not_believed", Needs::Nothing, mark),
        test("a_shipped_manifest_alone_in_a_folder_runs", Needs::Nginx, alone),
    ]
}

/// A folder with a shipped manifest and a recipe of its own, which leaves a file with its network and serves.
struct Foreign {
    folder: TempDir,
}

impl Foreign {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(shipped("apache.yaml"), folder.path().join("apache.yaml")).unwrap();
        let foreign = Self { folder };
        foreign.add_recipe(&foreign.path("images/apache"));
        foreign
    }

    fn add_recipe(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let script = format!(
            "readlink /proc/self/ns/net >>'{}'\nif test $1 = run; then shift; exec {} target \"$@\"; fi\n",
            self.path("ran").display(),
            env!("CARGO_BIN_EXE_rollproof")
        );
        fs::write(folder.join("embedded"), script).unwrap();
        fs::write(folder.join("Dockerfile"), "FROM scratch\n").unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The networks in which the recipe ran.
    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Fails unless the run was refused by the recipe's name before the recipe ran.
    fn refuses(&self, ran: Ran) {
        ran.expect_code(2).says(&["image apache", "images/apache/embedded", "--allow-host-commands"]);
        assert_eq!(self.ran(), [""; 0]);
        assert!(!self.path("out").exists(), "nothing was begun");
    }

    fn run(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.current_dir(self.folder.path()).args(["run", "--out", "out"]).args(arguments);
        command
    }
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").join(name)
}

/// The network of this process.
fn here() -> String {
    fs::read_link("/proc/self/ns/net").unwrap().display().to_string()
}

fn copied() {
    let foreign = Foreign::new();
    foreign.refuses(run(&mut foreign.run(&["-f", "apache.yaml", "--host-network"])));
    let manifest = foreign.path("apache.yaml").display().to_string();
    foreign.refuses(run(&mut foreign.run(&["-f", &manifest, "--host-network"])));
}

fn no_namespaces() {
    let foreign = Foreign::new();
    let (manifest, out) = (foreign.path("apache.yaml"), foreign.path("out"));
    foreign.refuses(run(&mut without_namespaces(&format!("run -f {} --out {}", manifest.display(), out.display()))));
}

fn scenario() {
    let foreign = Foreign::new();
    fs::write(foreign.path("own.yaml"), "name: own\nmanifests: apache.yaml\n").unwrap();
    foreign.refuses(run(&mut foreign.run(&["own.yaml", "--host-network"])));
}

/// A record is handed on together with the folder that it names.
fn record() {
    let foreign = Foreign::new();
    run(&mut foreign.run(&["-f", "apache.yaml", "--rate", "50"])).expect_one_of(&RAN);
    fs::rename(foreign.path("out"), foreign.path("first")).unwrap();
    let clear = || fs::remove_file(foreign.path("ran")).unwrap();
    clear();
    foreign.refuses(run(&mut foreign.run(&["--from", "first", "--host-network"])));
    foreign.refuses(run(&mut foreign.run(&["--from", "first"])));
    let built = run(&mut foreign.run(&["--from", "first", "--cluster", "kind:none"])).expect_code(2);
    let dockerfile = foreign.path("images/apache/Dockerfile").display().to_string();
    built.says(&["image apache", &dockerfile, "--allow-host-commands"]);
    assert_eq!(foreign.ran(), [""; 0]);
    run(&mut foreign.run(&["--from", "first", "--allow-host-commands"])).expect_one_of(&RAN);
    assert!(!foreign.ran().is_empty() && !foreign.ran().contains(&here()), "it ran in a private network");
}

fn demo() {
    let foreign = Foreign::new();
    fs::create_dir(foreign.path("scenarios")).unwrap();
    foreign.add_recipe(&foreign.path("manifests/images/apache"));
    // A fake Apache on `PATH` makes the demo choose Apache on every machine; the compiled-in recipe then fails with it.
    let bin = foreign.path("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("apache2"), "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(bin.join("apache2"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = program();
    command.current_dir(foreign.folder.path()).env("PATH", &path).args(["demo", "--host-network", "--out", "out"]);
    run(&mut command).expect_code(3).says(&["the Apache server"]);
    assert_eq!(foreign.ran(), [""; 0], "the folder's recipe did not run");
}

/// As a user who is not root, at least in this user namespace.
fn asked_for() {
    let foreign = Foreign::new();
    let as_another = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args([
            "-U",
            "--map-user=1000",
            "--map-group=1000",
            env!("CARGO_BIN_EXE_rollproof"),
            "run",
            "--out",
            "out",
        ]);
        run(command.current_dir(foreign.folder.path()).args(arguments))
    };
    foreign.refuses(as_another(&["-f", "apache.yaml", "--host-network"]));
    as_another(&["-f", "apache.yaml", "--host-network", "--rate", "50", "--allow-host-commands"]).expect_one_of(&RAN);
    assert!(foreign.ran().contains(&here()), "it ran in this network");
}

/// With the identity of the network in which the program is started, as if it had created that network.
fn mark() {
    let foreign = Foreign::new();
    run(foreign.run(&["-f", "apache.yaml", "--rate", "50"]).env("ROLLPROOF_NETWORK", here())).expect_one_of(&RAN);
    assert!(!foreign.ran().is_empty() && !foreign.ran().contains(&here()), "it ran in a private network");
}

/// The recipe that comes with rollproof, for a manifest and for the record of its run.
fn alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(shipped("nginx.yaml"), folder.path().join("nginx.yaml")).unwrap();
    // A recipe that no pod uses does not matter.
    fs::create_dir_all(folder.path().join("images/other")).unwrap();
    fs::write(folder.path().join("images/other/embedded"), "exit 1\n").unwrap();
    let ran = |arguments: &[&str], out: &str| {
        let mut command = program();
        command.current_dir(folder.path()).arg("run").args(arguments).args(["--host-network", "--rate", "50"]);
        run(command.args(["--out", out])).expect_one_of(&RAN);
        assert!(report(&folder.path().join(out))["variants"][0]["ok"].as_u64().unwrap() > 50);
    };
    ran(&["-f", "nginx.yaml"], "first");
    ran(&["--from", "first"], "second");
}
