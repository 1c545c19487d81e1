//! Makes the pictures of a report for the documentation.

use std::path::Path;

use serde_json::Value;

use crate::browser::{Browser, with};

/// Which part of the page, in which scheme, how wide, and how much smaller.
const PICTURES: [(&str, &str, u32, f64); 5] = [
    (FIRST_SCREEN, "light", 1_200, 0.62),
    ("apache-light-wide.png", "light", 1_200, 0.62),
    ("apache-dark-wide.png", "dark", 1_200, 0.62),
    ("apache-light-narrow.png", "light", 400, 1.0),
    ("apache-dark-narrow.png", "dark", 400, 1.0),
];

/// What is seen before anyone scrolls.
const FIRST_SCREEN: &str = "apache-first-screen.png";

/// The function for a word on the command line; each makes pictures of the record in a folder.
pub(crate) fn maker(word: &str) -> Option<fn(&Path, &Path)> {
    match word {
        "pictures" => Some(all),
        "picture" => Some(drawings),
        _ => None,
    }
}

fn page(folder: &Path) -> String {
    assert!(crate::browser::missing().is_none(), "{:?} is needed", crate::browser::missing());
    crate::pages::page(&std::fs::read(folder.join("record.jsonl")).unwrap())
}

/// The drawings of the record in `folder`, as the file `out`.
fn drawings(folder: &Path, out: &Path) {
    let page = page(folder);
    with(async |browser| {
        browser.size(1_000, 900).await;
        browser.scheme("light").await;
        browser.open(&page).await;
        let place = wide(browser, 1_000.0).await;
        std::fs::write(out, browser.picture(place, 0.72).await).unwrap();
    });
}

/// The pictures of a whole page, into the folder `out`.
fn all(folder: &Path, out: &Path) {
    let page = page(folder);
    with(async |browser| {
        for (name, scheme, width, scale) in PICTURES {
            browser.size(width, 900).await;
            browser.scheme(scheme).await;
            browser.open(&page).await;
            let place = if name == FIRST_SCREEN {
                [0.0, 0.0, f64::from(width), 900.0]
            } else if width > 1_000 {
                wide(browser, f64::from(width)).await
            } else {
                [0.0, 0.0, f64::from(width), 1_300.0]
            };
            std::fs::write(out.join(name), browser.picture(place, scale).await).unwrap();
        }
    });
}

/// The part with the drawings, to the end of the last.
async fn wide(browser: &Browser, width: f64) -> [f64; 4] {
    let found = browser
        .js("const r = document.querySelector('.timeline').getBoundingClientRect(); return [r.top + scrollY, r.bottom + scrollY]")
        .await;
    let at = |number: usize| found.get(number).and_then(Value::as_f64).unwrap();
    [0.0, at(0), width, at(1) - at(0)]
}
