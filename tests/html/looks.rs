//! How a page looks in a browser: narrow, light and dark, on paper, without a script.

use serde_json::json;

use crate::browser::{Body, Browser};
use crate::pages::{named, page, two_variants};

pub(crate) const TESTS: &[(&str, Body)] = &[
    ("a_narrow_page_does_not_run_over", |browser| Box::pin(narrow(browser))),
    ("light_and_dark_are_readable", |browser| Box::pin(schemes(browser))),
    ("without_a_script_the_chosen_trials_are_seen", |browser| Box::pin(without_script(browser))),
    ("it_can_be_printed", |browser| Box::pin(printed(browser))),
];

async fn narrow(browser: &Browser) {
    let long = "a-name-without-any-place-to-break-it".repeat(5);
    for record in [two_variants(), named(&long, &long, &long)] {
        for width in [400, 320, 1_400] {
            browser.size(width, 900).await;
            browser.open(&page(&record)).await;
            let found = browser.js("const e = document.documentElement; return [e.scrollWidth, e.clientWidth]").await;
            assert_eq!(found, json!([width, width]));
        }
    }
}

/// The contrast of every piece of text on the page with the paper, by the formula of WCAG 2.2, and of the shapes.
const CONTRAST: &str = r#"
    const light = (colour) => {
        const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = getComputedStyle(document.body).backgroundColor;
    const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    const worst = (all, property) => Math.min(...all.map((e) => contrast(getComputedStyle(e)[property], paper)));
    const text = [...document.querySelectorAll("p, th, td, li, a, h1, h2, h3, dt, dd, summary, figcaption, caption, strong, span, label")];
    const drawn = [...document.querySelectorAll("figure svg text")].filter((e) => !e.closest(".state"));
    const shapes = [...document.querySelectorAll(".points a")];
    return [paper, worst(text.filter((e) => e.textContent.trim() && !e.closest("svg")), "color"), worst(drawn, "fill"), worst(shapes, "color")];
"#;

async fn schemes(browser: &Browser) {
    let mut papers = Vec::new();
    for scheme in ["light", "dark"] {
        browser.scheme(scheme).await;
        browser.open(&page(&two_variants())).await;
        let found = browser.js(CONTRAST).await;
        let least = |at: usize| found[at].as_f64().unwrap();
        assert!(least(1) >= 4.5 && least(2) >= 4.5 && least(3) >= 3.0, "{scheme}: {found}");
        papers.push(found[0].clone());
    }
    assert_ne!(papers[0], papers[1], "they are two");
}

async fn without_script(browser: &Browser) {
    let text = page(&two_variants());
    // A policy that allows no script at all.
    let (before, rest) = text.split_once("script-src ").unwrap();
    let (_, after) = rest.split_once(';').unwrap();
    browser.open(&format!("{before}script-src 'none';{after}")).await;
    assert_eq!((browser.seen("figure").await, browser.seen("select").await), (2, 0));
    let before = browser.seen("#trial-4 .points a").await;
    browser.find("#show-k0").await.click().await.unwrap();
    assert!(browser.seen("#trial-4 .points a").await < before, "the boxes need no script");
    browser.find("#trial-4 .points .k1 use").await.click().await.unwrap();
    assert!(browser.js("return location.hash").await.as_str().unwrap().starts_with("#incident-"));
}

async fn printed(browser: &Browser) {
    browser.open(&page(&two_variants())).await;
    let answer = browser.devtools("Page.printToPDF", json!({"printBackground": false})).await;
    // In base64; an empty page is much smaller.
    assert!(answer["data"].as_str().unwrap().len() > 20_000);
    let media = json!({"media": "print"});
    browser.devtools("Emulation.setEmulatedMedia", media).await;
    assert_eq!((browser.seen("nav").await, browser.seen("select").await), (0, 0), "no controls on paper");
    assert_eq!(browser.js("return getComputedStyle(document.body).backgroundColor").await, "rgb(255, 255, 255)");
}
