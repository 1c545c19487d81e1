//! Validates report.json against its schema with independent validators.

use libtest_mimic::Trial;
use rollproof::report::{schema, to_json};

use crate::reader::{file, missing, run};
use crate::sample::{hostile, mixed};
use crate::test;

const JSONSCHEMA: &str = "\
import json, sys, jsonschema
schema, text = (json.load(open(path)) for path in sys.argv[1:])
validator = jsonschema.validators.validator_for(schema)
validator.check_schema(schema)
validator(schema).validate(text)
print(text['verdict'])
";

pub(crate) fn tests() -> Vec<Trial> {
    let python = missing("python3 with jsonschema", "python3", &["-c", "import jsonschema"]);
    vec![test("json_in_jsonschema_of_python", python.as_deref(), in_python)]
}

fn in_python() {
    let folder = tempfile::tempdir().unwrap();
    let schema = file(&folder, "schema.json", &schema().to_string());
    let read = |text: &str| run("python3", &["-c", JSONSCHEMA, &schema, &file(&folder, "report.json", text)], "");
    let good = to_json(&mixed().report());
    assert_eq!(read(&good), (true, "fail\n".to_owned()));
    let (content, said) = read(&to_json(&hostile().report()));
    assert!(content, "{said}");
    let (content, said) = read(&good.replacen("\"attempts\": ", "\"attempts\": -", 1));
    assert!(!content && said.contains("ValidationError"), "a bad twin is refused: {said}");
}
