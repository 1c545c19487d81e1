//! The scenario's JSON Schema, for editors and for `rollproof schema scenario`.

use super::model::ScenarioFile;

/// The schema as JSON text, ending in a line break.
pub(crate) fn schema_json() -> Result<String, serde_json::Error> {
    let schema = schemars::schema_for!(ScenarioFile);
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::scenario::shipped::SHIPPED;
    use crate::yaml::{YamlSource, documents};

    const COMMITTED: &str = "scenarios/scenario.schema.json";

    fn validator() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(&schema_json().unwrap()).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    }

    fn value(text: &str) -> Value {
        documents(&YamlSource::new("test.yaml", text)).unwrap().remove(0).value
    }

    #[test]
    fn the_committed_schema_is_the_present_one() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
        let present = schema_json().unwrap();
        if std::env::var_os("ROLLPROOF_UPDATE").is_some() {
            std::fs::write(&path, &present).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(committed == present, "{COMMITTED} is old: run this test with ROLLPROOF_UPDATE=1");
    }

    #[test]
    fn shipped_scenarios_are_valid() {
        for (path, text) in SHIPPED.iter().filter(|(path, _)| path.starts_with("scenarios/")) {
            let errors = validator().iter_errors(&value(text)).map(|e| e.to_string()).collect::<Vec<_>>();
            assert!(errors.is_empty(), "{path}: {errors:?}");
        }
    }

    #[test]
    fn what_the_program_refuses_the_schema_refuses() {
        let good = "name: test\nmanifests: web.yaml\n";
        let full = "load: {rate: 5, timeout: 1m30s, connections: 3, judge: [new], requests: [{path: /, share: 0.5, status: 204, arms: {new: 2}, headers: {A: b}}]}\nrollout: {restart: {}, timeout: 1m}\nvariants: {a: {patch: [p.yaml, {spec: {}}]}, b: }\nport: http\nprobe: off\n";
        let kinds = [
            "rollout: {scale: {to: 3}}\n",
            "rollout: {command: [helm, upgrade]}\n",
            "rollout: {command: {run: [a], back: [b]}}\n",
            "rollout: {evict: {}}\n",
            "rollout: {evict: {node: a, cordon: true}}\n",
            "rollout: {patch: p.yaml}\n",
            "rollout: {patch: {spec: {template: {}}}}\n",
        ];
        for right in ["", full].into_iter().chain(kinds) {
            assert!(validator().is_valid(&value(&format!("{good}{right}"))), "{right}");
        }
        for wrong in [
            "laod: {}",
            "trials: 0",
            "load: {rate: 0}",
            "load: {timeout: 10}",
            "load: {requests: [{method: GET}]}",
            "load: {requests: [{path: slow}]}",
            "load: {requests: [{path: /, share: 10}]}",
            "load: {requests: [{path: /, arms: []}]}",
            "load: {requests: [{path: /, method: get}]}",
            "rollout: {undo: {}}",
            "rollout: {scale: {to: 0}}",
            "rollout: {scale: {}}",
            "rollout: {command: []}",
            "rollout: {command: {back: [a]}}",
            "rollout: {command: {run: [a], bakc: [b]}}",
            "rollout: {evict: {nod: a}}",
            "rollout: {}",
            "variants: {A: {}}",
            "variants: {a: {expect: cleen}}",
            "port: 0",
        ] {
            assert!(!validator().is_valid(&value(&format!("{good}{wrong}\n"))), "{wrong}");
        }
    }
}
