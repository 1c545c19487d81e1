//! A URL in place of the Service.

use super::plan_error::{FaultContext, PlanError};
use crate::scenario::model::ScenarioLoad;
use crate::spec::{LoadSpec, UrlDoor};

pub(super) fn plan(context: FaultContext<'_>, load: &ScenarioLoad) -> Result<Option<UrlDoor>, PlanError> {
    match (&load.url, &load.resolve) {
        (Some(url), resolve) => {
            Ok(Some(UrlDoor { url: url.value.clone(), resolve: resolve.as_ref().map(|address| address.value.0) }))
        }
        (None, None) => Ok(None),
        (None, Some(resolve)) => {
            let (resolve_key, url) = (context.named("resolve", "--resolve"), context.named("url", "--url"));
            let message = format!("{resolve_key} gives the address of a URL's name, and there is no {url}");
            let url = context.named("url: https://NAME/", "--url https://NAME/");
            Err(context.fault(Some(&resolve.place), &message, &format!("add {url}, or remove {resolve_key}")))
        }
    }
}

/// What should be said of it before the start.
pub(super) fn note(door: &UrlDoor) -> String {
    let address = door.resolve.map(|address| format!(" at {address}")).unwrap_or_default();
    format!(
        "requests go to {}{address} in place of the Service, from where the load is: a pod of the cluster, this machine with \
         --load-from host, or the embedded cluster's own network, which reaches no other",
        door.url
    )
}

/// What a record holds, checked as a scenario is.
pub(super) fn check(load: &LoadSpec) -> Result<(), String> {
    match &load.url {
        Some(door) if door.url.is_https() != load.tls.is_some() => {
            Err(format!("the load goes to {} {} `tls`", door.url, if load.tls.is_some() { "with" } else { "without" }))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::error_tests::rendered;
    use super::super::from_record_tests::{back, recorded};
    use super::super::tests::plan_with;
    use super::super::{GivenValues, PlanError, PlanOverrides, RunPlan};
    use crate::spec::TlsSpec;

    fn planned(lines: &str) -> Result<RunPlan, PlanError> {
        plan_with(&format!("name: test\nmanifests: web.yaml\n{lines}\n"), "", &PlanOverrides::default())
    }

    #[test]
    fn a_url_takes_the_place_of_the_service_and_is_recorded() {
        let plan = planned("load: {url: \"https://shop.example:8443\", resolve: 2001:db8::1}").unwrap();
        let load = &plan.variants[0].spec.load;
        let door = load.url.clone().unwrap();
        assert_eq!(
            (door.url.to_string().as_str(), door.resolve),
            ("https://shop.example:8443/", "2001:db8::1".parse().ok())
        );
        assert_eq!(load.tls, Some(TlsSpec::default()), "https asks for TLS");
        let again = back(&recorded(&plan), &GivenValues::default()).unwrap();
        assert_eq!(again.variants[0].spec.load, *load);
        let said = plan.summary().to_string();
        assert!(said.contains("requests go to https://shop.example:8443/ at 2001:db8::1"), "{said}");
        assert_eq!(planned("load: {url: \"http://shop.example\"}").unwrap().variants[0].spec.load.tls, None);
        assert_eq!(planned("").unwrap().variants[0].spec.load.url, None);
    }

    #[test]
    fn a_variant_may_have_a_door_of_its_own() {
        let plan = planned("variants: {direct: {}, proxied: {load: {url: \"http://proxy/\"}}}").unwrap();
        let doors = plan.variants.iter().map(|variant| variant.spec.load.url.is_some());
        assert_eq!(doors.collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused_where_it_stands() {
        for (load, told) in [
            ("{resolve: 192.0.2.1}", "there is no `url`"),
            ("{url: \"http://a/\", tls: {}}", "begins with http://"),
            ("{url: \"https://a/\", resolve: a.example}", "expected one such as 192.0.2.10"),
            ("{url: \"https://a/\", resolve: \"\"}", "expected one such as 192.0.2.10"),
            ("{url: \"https://me:hunter2@a/\"}", "a user or a password"),
            ("{url: \"ftp://a/\"}", "expected http or https"),
            ("{url: \"https://a:70000/\"}", "expected 1 to 65535"),
        ] {
            let error = planned(&format!("load: {load}")).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains("run.yaml line 3"), "{load}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_line_that_an_error_quotes_shows_no_password_of_a_url() {
        for load in ["load: {url: \"https://me:hunter2@a/\"}", "load:\n  url: https://me:hunter2@a/\n  rate: 5"] {
            let shown = rendered(&planned(load).unwrap_err());
            assert!(shown.contains("a user or a password") && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_record_whose_url_and_tls_disagree_is_refused() {
        let mut plan = planned("load: {url: \"https://a/\"}").unwrap();
        plan.variants[0].spec.load.tls = None;
        let error = back(&recorded(&plan), &GivenValues::default()).unwrap_err().to_string();
        assert!(error.contains("goes to https://a/ without `tls`"), "{error}");
    }
}
