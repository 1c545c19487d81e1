//! What users see of each wrong input: file, line, mark, what was expected and what to do.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use super::tests::plan_with;
use super::{PlanError, PlanOverrides};

pub(super) fn rendered(error: &dyn Diagnostic) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(120);
    let mut text = String::new();
    handler.render_report(&mut text, error).unwrap();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn refused(scenario: &str, patch: &str) -> String {
    match plan_with(scenario, patch, &PlanOverrides::default()) {
        Err(error) => rendered(&error as &PlanError),
        Ok(_) => panic!("this must be refused:\n{scenario}"),
    }
}

/// The scenario is that which is right, but for the lines given; with those left out it must be accepted.
#[track_caller]
fn golden(name: &str, lines: &str) {
    let base = "name: test\nmanifests: web.yaml\n";
    plan_with(base, "", &PlanOverrides::default()).unwrap();
    insta::assert_snapshot!(name, refused(&format!("{base}{lines}\n"), ""));
}

#[test]
fn keys_and_types() {
    golden("unknown-key", "laod: {rate: 5}");
    golden("unknown-key-in-load", "load:\n  rate: 5\n  tiemout: 3s");
    golden("unknown-key-without-a-near-one", "colour: blue");
    golden("unknown-key-in-a-variant", "variants:\n  a: {expected: loss}");
    golden("key-twice", "trials: 3\ntrials: 4");
    golden("variant-twice", "variants:\n  a: {}\n  a: {expect: loss}");
    golden("wrong-type", "load: [1, 2]");
    golden("wrong-type-of-number", "load: {rate: fast}");
    golden("unknown-arm", "load: {requests: [{path: /, arms: [new, resued]}]}");
    golden("unknown-expectation", "variants: {a: {expect: cleen}}");
    golden("missing-path", "load: {requests: [{method: GET}]}");
    golden("not-yaml", "load: {rate: 5");
    insta::assert_snapshot!("missing-name", refused("manifests: web.yaml\n", ""));
    insta::assert_snapshot!("empty-scenario", refused("", ""));
}

#[test]
fn numbers_and_durations() {
    golden("rate-zero", "load: {rate: 0}");
    golden("rate-negative", "load: {rate: -5}");
    golden("rate-not-a-number", "load: {rate: .nan}");
    golden("rate-infinite", "load: {rate: .inf}");
    golden("rate-absurd", "load: {rate: 1000001}");
    golden("trials-zero", "trials: 0");
    golden("trials-fractional", "trials: 2.5");
    golden("trials-absurd", "trials: 99999999999");
    golden("timeout-zero", "load: {timeout: 0s}");
    golden("timeout-without-unit", "load: {timeout: 10}");
    golden("timeout-too-long", "load: {timeout: 11m}");
    golden("rollout-timeout-zero", "rollout: {restart: {}, timeout: 0s}");
    golden("connections-zero", "load: {connections: 0}");
    golden("lag-zero", "max_lag_ms: 0");
    golden("lost-at-most-negative", "variants: {a: {lost_at_most: -1}}");
    golden("lost-at-most-of-a-loss", "variants:\n  a:\n    expect: loss\n    lost_at_most: 3");
    golden("port-zero", "port: 0");
}

#[test]
fn names() {
    let named = |name: &str| refused(&format!("name: {name}\nmanifests: web.yaml\n"), "");
    insta::assert_snapshot!("name-with-a-path", named("../../etc/passwd"));
    insta::assert_snapshot!("name-with-capitals", named("Web"));
    insta::assert_snapshot!("name-with-escapes", named("\"a\\e[31mb\""));
    insta::assert_snapshot!("name-too-long", named(&"a".repeat(200)));
    golden("variant-with-a-path", "variants: {../up: {}}");
    golden("baseline-not-a-variant", "baseline: without-prestpo\nvariants: {without-prestop: {}, with-prestop: {}}");
    golden("baseline-without-variants", "baseline: a");
}

#[test]
fn requests() {
    golden("shares-over-100", "load:\n  requests:\n  - {path: /, share: 60%}\n  - {path: /b, share: 50%}");
    golden("shares-under-100", "load:\n  requests:\n  - {path: /, share: 60%}\n  - {path: /b, share: 0.2}");
    golden("shares-leave-nothing", "load:\n  requests:\n  - {path: /, share: 100%}\n  - {path: /b}");
    golden("share-of-10", "load:\n  requests:\n  - {path: /, share: 10}\n  - {path: /b}");
    golden("share-of-text", "load:\n  requests:\n  - {path: /, share: a tenth}\n  - {path: /b}");
    golden("arm-weight-zero", "load: {requests: [{path: /, arms: {new: 0, reused: 1}}]}");
    golden("arm-weight-not-a-number", "load: {requests: [{path: /, arms: {new: .nan}}]}");
    golden("arm-twice", "load: {requests: [{path: /, arms: [new, new]}]}");
    golden("no-arm", "load: {requests: [{path: /, arms: []}]}");
    golden("no-request", "load: {requests: []}");
    golden("empty-path", "load: {requests: [{path: \"\"}]}");
    golden("relative-path", "load: {requests: [{path: slow}]}");
    golden("path-with-a-space", "load: {requests: [{path: \"/a b\"}]}");
    golden("header-with-a-line-break", "load: {requests: [{path: /, headers: {X-A: \"secret\\r\\nX-B: c\"}}]}");
    golden("header-name", "load: {requests: [{path: /, headers: {\"X A\": b}}]}");
    golden("header-of-the-connection", "load: {requests: [{path: /, headers: {Connection: close}}]}");
    golden("header-twice", "load: {requests: [{path: /, headers: {X-A: b, x-a: c}}]}");
    golden("method", "load: {requests: [{path: /, method: get}]}");
    golden("body-of-a-get", "load: {requests: [{path: /, body: hello}]}");
    golden("status", "load: {requests: [{path: /, status: [200, 99]}]}");
    golden("no-judged-arm", "load: {requests: [{path: /, arms: [blind, pooled]}]}");
    golden("judge-names-an-unused-arm", "load: {judge: pooled}");
    golden("pod-header", "load: {pod_header: \"X Pod\"}");
}

#[test]
fn rollouts() {
    golden("rollout-kind-unknown", "rollout: {restrat: {}}");
    golden("rollout-command-empty", "rollout:\n  command: []");
    golden("rollout-command-in-one-word", "rollout: {command: [\"helm upgrade web\"]}");
    golden("rollout-command-with-another-key", "rollout: {command: {run: [helm], bakc: [helm]}}");
    golden("rollout-command-of-another-type", "rollout: {command: helm upgrade}");
    golden("rollout-back-empty", "rollout: {command: {run: [helm], back: []}}");
    golden("scale-to-none", "rollout: {scale: {to: 0}}");
    golden("scale-to-the-same", "rollout: {scale: {to: 2}}");
    golden("scale-without-a-number", "rollout: {scale: {}}");
    golden("evict-key", "rollout: {evict: {nod: a}}");
    golden("evict-node", "rollout: {evict: {node: \"a b\"}}");
    golden("rollout-patch-missing", "rollout: {patch: nothere.yaml}");
    golden(
        "rollout-patch-of-another-object",
        "rollout: {patch: {kind: Service, metadata: {name: web}, spec: {type: NodePort}}}",
    );
    golden("rollout-patch-of-no-pods", "rollout: {patch: {spec: {replicas: 3}}}");
    golden(
        "rollout-patch-that-changes-nothing",
        "rollout: {patch: {spec: {template: {metadata: {labels: {app: web}}}}}}",
    );
    golden(
        "rollout-patch-to-no-pods",
        "rollout: {patch: {spec: {replicas: 0, template: {metadata: {labels: {a: b}}}}}}",
    );
    golden("rollout-of-two-kinds", "rollout: {restart: {}, none: {for: 10s}}");
    golden("rollout-of-no-kind", "rollout: {}");
    golden("image-empty", "rollout: {image: {to: \"\"}}");
    golden("image-the-same", "rollout: {image: {to: apache}}");
    golden("image-of-no-container", "rollout: {image: {to: b, container: sidecar}}");
    golden("env-name", "rollout: {env: {name: \"A=B\"}}");
    golden("none-for-no-time", "rollout: {none: {for: 0s}}");
}

#[test]
fn manifests() {
    let with = |manifests: &str| refused(&format!("name: test\nmanifests: {manifests}\n"), "");
    insta::assert_snapshot!("manifest-missing", with("wep.yaml"));
    insta::assert_snapshot!("manifest-twice", with("[web.yaml, web.yaml]"));
    insta::assert_snapshot!("no-manifest", with("[]"));
    insta::assert_snapshot!("no-manifest-at-all", refused("name: test\n", ""));
    let broken = |manifest: &str| refused("name: test\nmanifests: [web.yaml, patch.yaml]\n", manifest);
    insta::assert_snapshot!("manifest-without-kind", broken("---\napiVersion: v1\nmetadata: {name: a}\n"));
    insta::assert_snapshot!("manifest-not-yaml", broken("a: [1\nb: 2\n"));
    insta::assert_snapshot!("manifest-object-twice", broken(super::tests::WEB));
    golden("workload-missing", "workload: deployment/api");
    golden("workload-of-another-kind", "workload: daemonset/web");
    golden("workload-of-a-kind-that-does-not-roll", "workload: job/web");
    golden("service-missing", "service: api");
    golden("port-missing", "port: metrics");
}

#[test]
fn patches() {
    let patched =
        |patch: &str| refused("name: test\nmanifests: web.yaml\nvariants:\n  a: {patch: patch.yaml}\n", patch);
    golden("patch-missing", "variants:\n  a: {patch: prestop.yaml}");
    golden("patch-of-another-type", "variants:\n  a: {patch: 3}");
    insta::assert_snapshot!("patch-empty", patched("# nothing\n"));
    insta::assert_snapshot!("patch-that-changes-nothing", patched("spec: {replicas: 2}\n"));
    insta::assert_snapshot!(
        "patch-for-an-object-that-is-not-there",
        patched("kind: Deployment\nmetadata: {name: wep}\nspec: {replicas: 3}\n")
    );
    insta::assert_snapshot!(
        "patch-without-merge-key",
        patched("spec:\n  template:\n    spec:\n      containers: [{image: b}]\n")
    );
    insta::assert_snapshot!("patch-that-deletes", patched("$patch: delete\n"));
    insta::assert_snapshot!("patch-that-moves", patched("metadata: {namespace: shop}\n"));
    insta::assert_snapshot!("patch-that-is-a-list", patched("- {op: remove, path: /spec}\n"));
    golden("inline-patch-that-changes-nothing", "variants:\n  a: {patch: {spec: {replicas: 2}}}");
    golden("patch-to-no-pods", "variants:\n  a: {patch: {spec: {replicas: 0}}}");
}

const DEPLOYMENT: &str = "\
# the workload
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: apache
        ports: [{name: http, containerPort: 80}]
";

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports:
  - name: http
    port: 80
    targetPort: http
";

/// What is said of a manifest with both, one of them changed.
#[track_caller]
fn manifest_refused(from: &str, to: &str) -> String {
    let whole = format!("{DEPLOYMENT}---\n{SERVICE}");
    let changed = whole.replacen(from, to, 1);
    assert_ne!(whole, changed);
    let scenario = "name: test\nmanifests: patch.yaml\n";
    plan_with(scenario, &whole, &PlanOverrides::default()).unwrap();
    refused(scenario, &changed)
}

#[test]
fn an_error_of_a_manifest_names_file_and_line_of_the_field() {
    let spec = DEPLOYMENT.split_once("spec:\n").unwrap().1;
    for (from, to, said) in [
        ("replicas: 2", "replicas: 0", "line 6: deployment/web: spec.replicas is 0, expected 1 to 1000"),
        ("replicas: 2", "paused: true", "line 6: deployment/web: spec.paused is true"),
        ("replicas: 2", "strategy:\n    type: Sometimes", "line 7: deployment/web: spec.strategy.type is `Sometimes`"),
        (
            "replicas: 2",
            "strategy: {rollingUpdate: {maxSurge: many}}",
            "line 6: deployment/web: spec.strategy.rollingUpdate.maxSurge is \"many\"",
        ),
        (
            &format!("spec:\n{spec}"),
            "spec: 99999999999\n",
            "line 5: deployment/web: spec is a number, expected a mapping",
        ),
        (
            "      containers:\n      - name: web\n        image: apache\n        ports: [{name: http, containerPort: 80}]",
            "      containers: []",
            "line 11: deployment/web: spec.template.spec.containers is empty",
        ),
        ("selector: {app: web}", "selector: {app: other}", "selector"),
        (
            "targetPort: http",
            "targetPort: metrics",
            "line 24: service/web: targetPort `metrics` is the name of no container port",
        ),
        (
            "  - name: http\n    port: 80",
            "  - name: http\n    port: 0",
            "line 23: service/web: a port has no `port` from 1 to 65535",
        ),
        (
            "  ports:\n  - name: http\n    port: 80\n    targetPort: http",
            "  ports: []",
            "line 21: choosing the port of service/web",
        ),
        ("apiVersion: apps/v1", "apiVersion: apps/v1beta1", "line 2: deployment/web is of apps/v1beta1"),
    ] {
        let text = manifest_refused(from, to);
        let words = text.replace("│ ", "").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("patch.yaml line") || from.starts_with("selector"), "{text}");
        assert!(words.contains(said), "{said} in\n{text}");
    }
}

#[test]
fn a_choice_between_objects_names_their_files_and_lines() {
    let second = format!("{DEPLOYMENT}---\n{SERVICE}").replace("name: web}", "name: api}");
    let whole = format!("{DEPLOYMENT}---\n{SERVICE}---\n{second}");
    let text = refused("name: test\nmanifests: patch.yaml\n", &whole);
    let words = text.replace("│ ", "").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("deployment/web (patch.yaml line 4)"), "{text}");
    assert!(words.contains("deployment/api (patch.yaml line 29)"), "{text}");
}

#[test]
fn an_error_shows_no_neighbour_and_no_value_that_may_be_a_credential() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  first: marked1\n  second: [marked2\n  third: marked3\n";
    let scenario = "name: test\nmanifests: [web.yaml, patch.yaml]\n";
    let passwd = "root:$6$marked:19000:0:99999:7:::\n";
    let environ = "PATH=/bin\u{0}TOKEN=marked\u{0}";
    let twice = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  first: marked\n  first: marked\n";
    for text in [secret, passwd, environ, twice, "marked: [", "- marked\n", "\"marked\"\n"] {
        let shown = refused(scenario, text);
        assert!(!shown.contains("marked") || text.starts_with("marked: "), "{shown}");
        let patched = refused("name: test\nmanifests: web.yaml\nvariants: {a: {patch: patch.yaml}}\n", text);
        assert!(!patched.contains("marked") || text.starts_with("marked: "), "{patched}");
    }
    for lines in [
        "load:\n  requests:\n  - path: /\n    headers:\n      Authorization: Bearer marked\n    staus: 200",
        "load:\n  requests:\n  - path: /\n    headers:\n      Authorization: [marked]",
        "load:\n  requests:\n  - path: /\n    headers: {X-Own: \"marked\\n\"}",
        "load:\n  requests:\n  - path: \"/?token=marked#\"",
        "load:\n  requests:\n  - path: \"/?token=marked\"\n    method: marked2\n    body: 5\n",
        "rollout:\n  command:\n    run: {a: marked}",
    ] {
        let shown = refused(&format!("name: test\nmanifests: web.yaml\n{lines}\n"), "");
        assert!(!shown.replace("marked2", "").contains("marked"), "{shown}");
    }
}

#[test]
fn an_error_is_short_however_long_the_line() {
    let long = "a".repeat(1_000_000);
    for lines in [
        format!("load: {{timeout: {long}}}"),
        format!("{long}: 5"),
        format!("load: {{rate: \"{long}\"}}"),
        format!("workload: deployment/{long}"),
        format!("load: {{judge: {long}}}"),
        format!("load: {{requests: [{{path: {long}, method: {long}}}]}}"),
        format!("load: [{long}"),
    ] {
        let shown = refused(&format!("name: test\nmanifests: web.yaml\n{lines}\n"), "");
        assert!(shown.len() < 10_000, "{} bytes: {}", shown.len(), &shown[..500]);
    }
}

mod hostile {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::build;
    use crate::scenario::shipped::SHIPPED;
    use crate::scenario::{ShippedFiles, parse};
    use crate::yaml::{YamlSource, documents};

    /// Plans a scenario text beside the shipped manifests; an error must at least be shown without trouble.
    fn plan_or_show(text: &str) {
        let source = YamlSource::new("scenarios/x.yaml", text);
        let planned = parse(source, std::path::Path::new("scenarios"))
            .map_err(PlanError::from)
            .and_then(|scenario| build(&scenario, &ShippedFiles, None, &PlanOverrides::default()));
        if let Err(error) = planned {
            rendered(&error);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn no_text_breaks_the_parser(text in "\u{feff}?(\\PC|[\\n:{}\\[\\]&*!|>'\"%@`#,? -]){0,60}") {
            if let Err(error) = documents(&YamlSource::new("x.yaml", &text)) {
                rendered(&error);
            }
            plan_or_show(&text);
        }

        #[test]
        fn no_damage_to_a_scenario_breaks_the_plan(
            which in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            length in 0_usize..12,
            replacement in "\\PC{0,6}",
        ) {
            let scenarios = SHIPPED.iter().filter(|(path, _)| path.starts_with("scenarios/")).collect::<Vec<_>>();
            let letters = which.get(&scenarios).1.chars().collect::<Vec<_>>();
            let start = at.index(letters.len());
            let end = (start + length).min(letters.len());
            let text = letters[..start].iter().chain(&replacement.chars().collect::<Vec<_>>()).chain(&letters[end..]).collect::<String>();
            plan_or_show(&text);
        }

        #[test]
        fn no_damage_to_a_patch_breaks_the_plan(at in any::<prop::sample::Index>(), length in 0_usize..12, replacement in "\\PC{0,6}") {
            let patch = include_str!("../../manifests/patches/apache-prestop.yaml").chars().collect::<Vec<_>>();
            let start = at.index(patch.len());
            let end = (start + length).min(patch.len());
            let text = patch[..start].iter().chain(&replacement.chars().collect::<Vec<_>>()).chain(&patch[end..]).collect::<String>();
            let scenario = "name: test\nmanifests: web.yaml\nvariants:\n  a: {patch: patch.yaml}\n";
            if let Err(error) = plan_with(scenario, &text, &PlanOverrides::default()) {
                rendered(&error);
            }
        }
    }
}
