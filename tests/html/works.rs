//! What a page does in a browser (details, boxes, links, the keyboard), and what it must never do.

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::browser::{Body, Browser};
use crate::pages::{named, page, two_variants};

pub(crate) const TESTS: &[(&str, Body)] = &[
    ("a_page_asks_for_nothing_and_has_no_errors", |browser| Box::pin(asks_for_nothing(browser))),
    ("what_is_asked_for_would_be_seen_and_is_forbidden", |browser| Box::pin(would_be_seen(browser))),
    ("the_pointer_shows_a_point_s_stages_and_evidence", |browser| Box::pin(pointer(browser))),
    ("the_pointer_shows_a_bar_s_edges", |browser| Box::pin(bars(browser))),
    ("a_cause_can_be_switched_off_and_on", |browser| Box::pin(switched_off(browser))),
    ("a_click_leads_to_the_incident", |browser| Box::pin(click(browser))),
    ("the_keyboard_reaches_points_bars_and_incidents", |browser| Box::pin(keyboard(browser))),
    ("another_trial_can_be_chosen", |browser| Box::pin(choose(browser))),
    ("hostile_text_stays_text", |browser| Box::pin(hostile(browser))),
];

/// The drawing of the variant that loses requests; trial 4 is visible.
const SHOWN: &str = "#trial-4";

async fn asks_for_nothing(browser: &Browser) {
    browser.open(&page(&two_variants())).await;
    // Everything that the script does on its way is done.
    browser.hover(&format!("{SHOWN} .points a")).await;
    browser.client.find(fantoccini::Locator::Css("input")).await.unwrap().click().await.unwrap();
    assert_eq!(browser.complaints().await, [""; 0]);
    let asked = browser.requests().await;
    assert!(asked.len() == 1 && asked[0].starts_with("file://") && asked[0].ends_with("/report.html"), "{asked:?}");
}

/// The bad twin: a page that tries to fetch, run and post something. Nothing of this happens, and all of it is noticed.
async fn would_be_seen(browser: &Browser) {
    let more = "<img src=\"http://127.0.0.1:9/x\"><script>document.title = 'ran'</script><p style=\"color: red\">";
    browser.open(&page(&two_variants()).replace("</main>", &format!("{more}</main>"))).await;
    let complaints = browser.complaints().await;
    for words in ["img-src", "script-src", "style-src"] {
        let default = format!("'{words}' was not explicitly set");
        assert!(complaints.iter().any(|one| one.contains(words) || one.contains(&default)), "{words}: {complaints:?}");
    }
    assert_ne!(browser.js("return document.title").await, "ran");
}

async fn pointer(browser: &Browser) {
    browser.open(&page(&two_variants())).await;
    assert_eq!(browser.tip().await, "");
    // The attempt that was in flight: an answer of its own to each question.
    browser.hover(&format!("{SHOWN} .points .k1")).await;
    let tip = browser.tip().await;
    for words in [
        "cut-at-stop, incident",
        "GET / on arm new",
        "closed-before-byte",
        "pod web-stopped",
        "planned",
        "connected",
        "sent",
        "355.0 ms",
        "90 bytes out, 0 back",
        "evidence of the incident",
        "stop signal of web-stopped",
    ] {
        assert!(tip.contains(words), "{words}: {tip}");
    }
    assert!(!tip.contains("first byte\n"), "it never came: {tip}");
    browser.hover("h1").await;
    assert_eq!(browser.tip().await, "");
}

async fn bars(browser: &Browser) {
    browser.open(&page(&two_variants())).await;
    browser.hover(&format!("{SHOWN} .state:has(.closed)")).await;
    let tip = browser.tip().await;
    for words in ["web-stopped: listener closed", "between +1.", "observed"] {
        assert!(tip.contains(words), "{words}: {tip}");
    }
}

async fn switched_off(browser: &Browser) {
    browser.open(&page(&two_variants())).await;
    let (races, others) = (format!("{SHOWN} .points .k0"), format!("{SHOWN} .points .k1"));
    let before = browser.seen(&races).await;
    assert!(before > 3 && browser.seen(&others).await == 1);
    browser.find("#show-k0").await.send_keys(" ").await.unwrap();
    assert_eq!((browser.seen(&races).await, browser.seen(&others).await), (0, 1));
    browser.find("#show-k0").await.click().await.unwrap();
    assert_eq!(browser.seen(&races).await, before);
    browser.find("#show-aside").await.click().await.unwrap();
    assert_eq!(browser.seen(&races).await, before - 1, "the one of an arm that is not judged");
}

async fn click(browser: &Browser) {
    browser.open(&page(&two_variants())).await;
    let link = format!("{SHOWN} .points .k1");
    let href = browser.find(&link).await.attr("href").await.unwrap().unwrap();
    browser.find(&format!("{link} use")).await.click().await.unwrap();
    assert_eq!(browser.js("return location.hash").await, href);
    assert_eq!(browser.js("return document.activeElement.id").await, href.trim_start_matches('#'));
    let incident = browser.find(&href).await.text().await.unwrap();
    for words in
        ["cut-at-stop", "1 attempt of arm new in trial 4 of web", "rollproof report DIR --incident", "stop signal"]
    {
        assert!(incident.contains(words), "{words}: {incident}");
    }
    browser.find(&format!("{href} a")).await.click().await.unwrap();
    assert_eq!(browser.js("return location.hash").await, SHOWN, "and back");
}

async fn press(browser: &Browser, key: Key) {
    let focused = browser.client.active_element().await.unwrap();
    focused.send_keys(&char::from(key).to_string()).await.unwrap();
}

async fn keyboard(browser: &Browser) {
    browser.open(&page(&two_variants())).await;
    let focused = "const e = document.activeElement; return [e.closest('.points, .lanes')?.getAttribute('class') ?? '', \
                   e.closest('figure')?.id ?? '', e.getAttribute('aria-label') ?? '', e.id]";
    browser.find(&format!("{SHOWN} .scroll")).await.send_keys(&char::from(Key::Tab).to_string()).await.unwrap();
    let first = browser.js(focused).await;
    assert_eq!((&first[0], &first[1]), (&json!("points"), &json!("trial-4")), "one Tab from the drawing to its points");
    assert!(browser.tip().await.contains("planned"), "the focus shows what the pointer does");
    press(browser, Key::Right).await;
    let second = browser.js(focused).await;
    assert_ne!(first[2], second[2]);
    press(browser, Key::Tab).await;
    let bar = browser.js(focused).await;
    assert_eq!(bar[0], "lanes", "one Tab more leaves the points");
    assert!(bar[2].as_str().unwrap().contains("observed"), "{bar}");
    press(browser, Key::Right).await;
    assert_ne!(browser.js(focused).await[2], bar[2]);
    browser.js(&format!("document.querySelector('{SHOWN} .points .k1').focus()")).await;
    press(browser, Key::Enter).await;
    let there: Value = browser.js(focused).await;
    assert!(there[3].as_str().unwrap().starts_with("incident-"), "{there}");
}

async fn choose(browser: &Browser) {
    browser.open(&page(&two_variants())).await;
    let seen = async |id: &str| browser.find(id).await.is_displayed().await.unwrap();
    assert!(seen(SHOWN).await && !seen("#trial-1").await);
    browser.find("select[data-variant='0']").await.select_by_value("1").await.unwrap();
    assert!(!seen(SHOWN).await && seen("#trial-1").await && seen("#trial-2").await);
    browser.hover("#trial-1 .points .k1").await;
    assert!(browser.tip().await.contains("cut-at-stop"), "its points tell, too");
}

async fn hostile(browser: &Browser) {
    let texts =
        ["</script><script>window.ran = 1</script>", "\"><img src=x onerror='window.ran = 2'>", "</svg><b>po\u{202e}d"];
    browser.open(&page(&named(texts[0], texts[1], texts[2]))).await;
    assert_eq!(browser.js("return window.ran ?? null").await, Value::Null);
    assert_eq!(browser.js("return document.querySelectorAll('img, b:not(#tip b)').length").await, 0);
    assert_eq!(browser.find("h1").await.text().await.unwrap(), texts[0]);
    assert_eq!(browser.find("[aria-labelledby=variants] tbody th").await.text().await.unwrap(), texts[1]);
    assert_eq!(
        browser.find(".lane .pod title").await.prop("textContent").await.unwrap().unwrap(),
        "</svg><b>po\u{fffd}d"
    );
    browser.hover(".points .k1").await;
    assert!(browser.tip().await.contains("pod </svg><b>po\u{fffd}d"), "{}", browser.tip().await);
    assert_eq!(browser.js("return document.querySelectorAll('#tip img, #tip div b').length").await, 0);
    assert_eq!(browser.complaints().await, [""; 0]);
}
