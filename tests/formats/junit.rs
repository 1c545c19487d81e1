//! junit.xml as CI systems read it.

use libtest_mimic::Trial;
use rollproof::record::entry::EndReason;
use rollproof::record::sample::SampleRun;
use rollproof::report::to_junit;
use rollproof::spec::Expect;
use roxmltree::{Document, Node};

use crate::reader::{beside, file, missing, run};
use crate::sample::{hostile, mixed};
use crate::test;

const ELEMENT_TREE: &str = "\
import sys, xml.etree.ElementTree as tree
suite = tree.fromstring(sys.stdin.buffer.read()).find('testsuite')
for case in suite.findall('testcase'):
    print(','.join([child.tag + ':' + child.get('type', '') for child in case]) or 'passed')
";
const JUNITPARSER: &str = "\
import sys, junitparser
suites = junitparser.JUnitXml.fromstring(sys.stdin.read())
print(suites.tests, suites.failures, suites.errors)
";

pub(crate) fn tests() -> Vec<Trial> {
    let python = missing("python3", "python3", &["-c", "pass"]);
    let junitparser = missing("python3 with junitparser", "python3", &["-c", "import junitparser"]);
    let xmllint = missing("xmllint", "xmllint", &["--version"]);
    vec![
        test("junit_variants_are_cases", None, variants_are_cases),
        test("junit_a_run_without_its_end_is_an_error", None, a_run_without_its_end_is_an_error),
        test("junit_hostile_text_stays_text", None, hostile_text_stays_text),
        test("junit_same_record_same_bytes", None, || assert_eq!(xml(&mixed()), xml(&mixed()))),
        test("junit_in_python", python.as_deref(), in_python),
        test("junit_in_junitparser", junitparser.as_deref(), in_junitparser),
        test("junit_against_a_schema", xmllint.as_deref(), against_a_schema),
    ]
}

fn xml(run: &SampleRun) -> String {
    to_junit(&run.report())
}

fn endings() -> [SampleRun; 5] {
    let clean = || SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", |_| {});
    [
        mixed(),
        hostile(),
        clean().finished(),
        clean().ended(EndReason::Interrupted, "by a signal"),
        SampleRun::new(1, &[("web", Expect::Clean)]),
    ]
}

fn cases<'a>(document: &'a Document<'_>) -> Vec<Node<'a, 'a>> {
    document.descendants().filter(|node| node.has_tag_name("testcase")).collect()
}

fn child<'a>(case: &Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    case.children().find(|node| node.has_tag_name(name))
}

fn variants_are_cases() {
    let text = xml(&mixed());
    let document = Document::parse(&text).unwrap();
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let sums = ["name", "tests", "failures", "errors"].map(|name| suite.attribute(name).unwrap());
    assert_eq!(sums, ["sample", "3", "1", "1"], "{text}");
    let cases = cases(&document);
    let names: Vec<_> = cases.iter().map(|case| case.attribute("name").unwrap()).collect();
    assert_eq!(names, ["without", "with", "short"]);
    assert!(child(&cases[0], "failure").is_none() && child(&cases[0], "error").is_none(), "{text}");
    let failure = child(&cases[1], "failure").unwrap();
    assert_eq!(failure.attribute("message"), Some("1 attempt lost, in 1 of 2 rollouts."));
    let why = failure.text().unwrap();
    for words in ["why requests were lost:", "unknown", "what would help:", "first lost", "ECONNREFUSED"] {
        assert!(why.contains(words), "{words}: {why}");
    }
    let error = child(&cases[2], "error").unwrap();
    assert_eq!(error.attribute("type"), Some("inconclusive"));
    assert!(error.text().unwrap().contains("trial 6 does not count: a send during the rollout"), "{text}");
    assert!(!text.contains("the run comes to its end"), "{text}");
}

fn a_run_without_its_end_is_an_error() {
    for (run, kind) in endings().into_iter().skip(3).zip(["interrupted", "cut"]) {
        let text = xml(&run);
        let document = Document::parse(&text).unwrap();
        let last = cases(&document).pop().unwrap();
        assert_eq!(last.attribute("name"), Some("the run comes to its end"));
        assert_eq!(child(&last, "error").unwrap().attribute("type"), Some(kind), "{text}");
    }
    let text = xml(&SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", |_| {}).finished());
    assert!(!text.contains("<error") && !text.contains("<failure"), "{text}");
}

fn hostile_text_stays_text() {
    let text = xml(&hostile());
    let document = Document::parse(&text).unwrap();
    let cases = cases(&document);
    assert_eq!(cases.len(), 3, "{text}");
    let name = cases[0].attribute("name").unwrap();
    assert!(name.contains("<script>alert(1)</script> ]]> &amp; `x` @all"), "{name}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains(['\u{fffe}', '\u{ffff}', '\u{202e}']));
}

fn in_python() {
    let read = |run_: &SampleRun| run("python3", &["-c", ELEMENT_TREE], &xml(run_));
    assert_eq!(read(&mixed()), (true, "passed\nfailure:fail\nerror:inconclusive\n".to_owned()));
    for run in endings() {
        assert!(read(&run).0, "{:?}", read(&run));
    }
    assert!(
        !run("python3", &["-c", ELEMENT_TREE], "<testsuites>\u{1}</testsuites>").0,
        "it takes no control character"
    );
}

fn in_junitparser() {
    assert_eq!(run("python3", &["-c", JUNITPARSER], &xml(&mixed())), (true, "3 1 1\n".to_owned()));
}

fn against_a_schema() {
    let folder = tempfile::tempdir().unwrap();
    let schema = beside("junit.xsd");
    let valid = |text: &str| {
        let path = file(&folder, "junit.xml", text);
        run("xmllint", &["--noout", "--nonet", "--schema", &schema, &path], "")
    };
    for run in endings() {
        let (good, said) = valid(&xml(&run));
        assert!(good, "{said}");
    }
    let wrong = xml(&mixed()).replace("<failure type", "<failed type").replace("</failure>", "</failed>");
    assert!(!valid(&wrong).0, "an element of its own is refused");
}
