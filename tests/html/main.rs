//! `report.html`, as text and in a real Chromium. Goal: everything that the documentation promises is there and works with mouse
//! and keyboard, the page sends no request, and text from outside stays text. Without Chromium or its driver, the tests that need
//! them are listed as ignored. `pictures FOLDER OUT` makes the pictures of the documentation from the record in FOLDER;
//! `picture FOLDER FILE` makes one picture of its drawings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod browser;
mod looks;
mod pages;
mod pictures;
mod works;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [first, folder, out] = &words[..]
        && let Some(make) = pictures::maker(first)
    {
        make(Path::new(folder), Path::new(out));
        browser::close();
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // One test at a time: in parallel they would delay each other, and some look at what has the focus.
    arguments.test_threads = Some(1);
    let missing = browser::missing();
    let plain = pages::TESTS.iter().map(|(name, body)| test(name, None, *body));
    let with_browser = works::TESTS.iter().chain(looks::TESTS);
    let with_browser = with_browser.map(|(name, body)| {
        let body = *body;
        test(name, missing, move || browser::run(body))
    });
    let done = libtest_mimic::run(&arguments, plain.chain(with_browser).collect());
    browser::close();
    done.exit_code()
}

fn test(name: &str, missing: Option<&str>, body: impl FnOnce() + Send + 'static) -> Trial {
    let shown = missing.map_or_else(|| name.to_owned(), |missing| format!("{name} (needs {missing})"));
    let run = move || {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Failed::from(text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default())
        })
    };
    Trial::test(shown, run).with_ignored_flag(missing.is_some())
}
