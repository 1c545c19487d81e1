//! A URL as a door: in place of the Service, or beside it.

use super::plan_error::{FaultContext, PlanError};
use crate::manifest::ManifestObject;
use crate::redact::clipped;
use crate::scenario::model::{DoorChoice, ScenarioLoad};
use crate::spec::{Door, LoadSpec, RequestSpec, UrlDoor};
use crate::yaml::Located;

pub(super) fn plan(context: FaultContext<'_>, load: &ScenarioLoad) -> Result<Option<UrlDoor>, PlanError> {
    let Some(url) = &load.url else {
        let url = context.named("url", "--url");
        if let Some(resolve) = &load.resolve {
            let resolve_key = context.named("resolve", "--resolve");
            let message = format!("{resolve_key} gives the address of a URL's name, and there is no {url}");
            let url = context.named("url: https://NAME/", "--url https://NAME/");
            return Err(context.fault(Some(&resolve.place), &message, &format!("add {url}, or remove {resolve_key}")));
        }
        if let Some(proxy) = &load.proxy {
            let message = "`proxy` names the Service of the proxy that answers at a URL, and there is no `url`";
            return Err(context.fault(Some(&proxy.place), message, "add `url: http://NAME/`, or remove `proxy`"));
        }
        return Ok(None);
    };
    Ok(Some(UrlDoor {
        url: url.value.clone(),
        resolve: load.resolve.as_ref().map(|host| host.value.clone()),
        proxy: load.proxy.as_ref().map(|name| name.value.clone()),
    }))
}

/// Whether `proxy` names a Service beside the load's own, `service`; `own` are the objects that the run makes, `None` where it measures
/// what stands there already.
pub(super) fn check_proxy(
    context: FaultContext<'_>,
    proxy: Option<&Located<String>>,
    own: Option<&[ManifestObject]>,
    service: &str,
) -> Result<(), PlanError> {
    let Some(proxy) = proxy else { return Ok(()) };
    let shown = clipped(&proxy.value, 80);
    let refused = |message: &str, help: &str| Err(context.fault(Some(&proxy.place), message, help));
    if proxy.value == service {
        let message = format!(
            "`proxy` is service/{service}, which the workload itself is behind, expected that of the proxy in front"
        );
        return refused(
            &message,
            "to measure the proxy's own rollout, make it the `workload`, without `url` and `proxy`",
        );
    }
    let known = |objects: &[ManifestObject]| {
        objects.iter().any(|object| object.kind() == "Service" && object.name() == proxy.value)
    };
    if own.is_some_and(|objects| !known(objects)) {
        let message = format!("`proxy` is `{}`, and the manifests have no Service of that name", shown.escape_debug());
        return refused(&message, "a proxy elsewhere is not watched: leave `proxy` out");
    }
    Ok(())
}

/// The doors of a kind of request with the door `own`.
pub(super) fn doors(
    context: FaultContext<'_>,
    load: &ScenarioLoad,
    own: Option<&Located<DoorChoice>>,
) -> Result<&'static [Door], PlanError> {
    let Some(chosen) = own.or(load.door.as_ref()) else {
        return Ok(if load.url.is_some() { &[Door::Url] } else { &[Door::Service] });
    };
    let doors: &[Door] = match chosen.value {
        DoorChoice::Service => &[Door::Service],
        DoorChoice::Url => &[Door::Url],
        DoorChoice::Both => &Door::ALL,
    };
    if doors.contains(&Door::Url) && load.url.is_none() {
        let message = "`door` names the URL, and there is no `url`";
        return Err(context.fault(
            Some(&chosen.place),
            message,
            "add `url: https://NAME/` to `load`, or remove `door`",
        ));
    }
    Ok(doors)
}

/// A URL that no request goes to is a mistake.
pub(super) fn check_used(
    context: FaultContext<'_>,
    load: &ScenarioLoad,
    requests: &[RequestSpec],
) -> Result<(), PlanError> {
    match &load.url {
        Some(url) if requests.iter().all(|request| request.door == Some(Door::Service)) => {
            let help = "give a request `door: url` or `door: both`, or remove `url`";
            Err(context.fault(Some(&url.place), "no request goes to the `url`", help))
        }
        _ => Ok(()),
    }
}

/// Whether requests go to the Service.
pub(super) fn at_service(requests: &[RequestSpec]) -> bool {
    requests.iter().any(|request| request.door == Some(Door::Service))
}

/// What should be said of it before the start.
pub(super) fn note(load: &LoadSpec) -> Option<String> {
    let door = load.url.as_ref()?;
    let address = door.resolve.as_ref().map(|address| format!(" at {address}")).unwrap_or_default();
    let beside = if load.has_both_doors() { "and to the Service" } else { "in place of the Service" };
    Some(format!(
        "requests go to {}{address} {beside}, from where the load is: a pod of the cluster, this machine with \
         --load-from host, or the embedded cluster's own network, which reaches no other",
        door.url
    ))
}

/// What a record holds, checked as a scenario is.
pub(super) fn check(load: &LoadSpec) -> Result<(), String> {
    let at = |door| load.requests.iter().any(|kind| load.door_of(kind) == door);
    match &load.url {
        None if at(Door::Url) => Err("a request goes to a URL, and there is none".to_owned()),
        Some(door) if !at(Door::Url) => Err(format!("no request goes to {}", door.url)),
        Some(door) if door.url.is_https() && load.tls.is_none() => {
            Err(format!("the load goes to {} without `tls`", door.url))
        }
        Some(door) if !door.url.is_https() && load.tls.is_some() && !at(Door::Service) => {
            Err(format!("the load goes to {} with `tls`", door.url))
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
    use crate::spec::{Door, TlsSpec};

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
    fn the_namespace_of_a_variant_stands_in_its_url_headers_and_manifests() {
        let lines = "load: {url: \"http://proxy.$(ROLLPROOF_NAMESPACE).svc/\", requests: [{path: /, headers: {X-From: \"$(ROLLPROOF_NAMESPACE)\"}}]}\n\
                     rollout: {patch: {spec: {template: {metadata: {annotations: {of: \"$(ROLLPROOF_NAMESPACE)\"}}}}}}\n\
                     variants: {a: {patch: {metadata: {annotations: {of: \"$(ROLLPROOF_NAMESPACE)\"}}}}}";
        let plan = planned(lines).unwrap();
        let there = plan.variants[0].in_namespace("test-a-1f");
        assert_eq!(there.spec.load.url.as_ref().unwrap().url.host(), "proxy.test-a-1f.svc");
        assert_eq!(there.spec.load.requests[0].header_map()["X-From"], "test-a-1f");
        assert_eq!(there.workload_manifest()["metadata"]["annotations"]["of"], "test-a-1f");
        assert_eq!(there.patched().unwrap()["spec"]["template"]["metadata"]["annotations"]["of"], "test-a-1f");
        let again = back(&recorded(&plan), &GivenValues::default()).unwrap();
        assert_eq!(
            again.variants[0].in_namespace("test-a-2").spec.load.url.as_ref().unwrap().url.host(),
            "proxy.test-a-2.svc"
        );
    }

    #[test]
    fn a_variant_may_have_a_door_of_its_own() {
        let plan = planned("variants: {direct: {}, proxied: {load: {url: \"http://proxy/\"}}}").unwrap();
        let doors = plan.variants.iter().map(|variant| variant.spec.load.url.is_some());
        assert_eq!(doors.collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_kind_at_both_doors_is_halved_between_them_and_its_own_door_wins() {
        let doors = |load: &str| {
            let plan = planned(&format!("load: {{{load}}}")).unwrap();
            let load = &plan.variants[0].spec.load;
            assert_eq!(back(&recorded(&plan), &GivenValues::default()).unwrap().variants[0].spec.load, *load);
            let kinds = load.requests.iter().map(|kind| (kind.path.to_string(), load.door_of(kind), kind.share));
            kinds.map(|(path, door, share)| format!("{path} {} {share:.1}", door.name())).collect::<Vec<_>>()
        };
        assert_eq!(doors("door: service"), ["/ service 1.0"]);
        assert_eq!(doors("url: \"http://a/\""), ["/ url 1.0"]);
        assert_eq!(doors("url: \"http://a/\", door: both"), ["/ service 0.5", "/ url 0.5"]);
        let own = "requests: [{path: /a, share: 60%}, {path: /b, door: service}, {path: /c, door: url, share: 20%}]";
        assert_eq!(
            doors(&format!("url: \"http://a/\", door: both, {own}")),
            ["/a service 0.3", "/a url 0.3", "/b service 0.2", "/c url 0.2"]
        );
        assert_eq!(
            doors("url: \"http://a/\", requests: [{path: /a}, {path: /b, door: service}]"),
            ["/a url 0.5", "/b service 0.5"]
        );
    }

    #[test]
    fn with_both_doors_the_rate_is_theirs_together_and_the_start_says_so() {
        let plan = planned("load: {rate: 80, url: \"http://a/\", door: both}").unwrap();
        let load = &plan.variants[0].spec.load;
        let rates = Door::ALL.map(|door| load.rate_at(crate::spec::Arm::New, door));
        assert!(rates.iter().all(|rate| (rate - 20.0).abs() < 1e-9), "{rates:?}");
        let said = plan.summary().to_string();
        assert!(said.contains("requests go to http://a/ and to the Service"), "{said}");
    }

    #[test]
    fn tls_is_the_urls_if_that_asks_for_it_and_else_the_services() {
        let secured = |load: &str| {
            let plan = planned(&format!("load: {{door: both, {load}}}")).unwrap();
            assert!(back(&recorded(&plan), &GivenValues::default()).is_ok());
            let load = plan.variants[0].spec.load.clone();
            Door::ALL.map(|door| load.tls_at(door).is_some())
        };
        assert_eq!(secured("url: \"https://a/\""), [false, true]);
        assert_eq!(secured("url: \"https://a/\", tls: {insecure: true}"), [false, true]);
        assert_eq!(secured("url: \"http://a/\", tls: {insecure: true}"), [true, false]);
        assert_eq!(secured("url: \"http://a/\""), [false, false]);
    }

    #[test]
    fn the_header_that_tells_retries_is_recorded_and_what_is_no_header_is_refused() {
        let plan = planned("load: {url: \"http://a/\", retry_header: X-Upstream}").unwrap();
        let load = &plan.variants[0].spec.load;
        assert_eq!(load.retry_header.as_ref().map(http::HeaderName::as_str), Some("x-upstream"));
        assert_eq!(back(&recorded(&plan), &GivenValues::default()).unwrap().variants[0].spec.load, *load);
        let error = planned("load: {retry_header: \"a b\"}").unwrap_err().to_string();
        assert!(error.contains("is not the name of a header"), "{error}");
    }

    #[test]
    fn what_does_not_fit_together_is_refused_where_it_stands() {
        for (load, told) in [
            ("{resolve: 192.0.2.1}", "there is no `url`"),
            ("{proxy: gate}", "there is no `url`"),
            ("{url: \"http://a/\", proxy: gate}", "have no Service of that name"),
            ("{url: \"http://a/\", proxy: web}", "which the workload itself is behind"),
            ("{url: \"http://a/\", tls: {}}", "begins with http://"),
            ("{url: \"http://a/\", door: url, tls: {}}", "begins with http://"),
            ("{door: url}", "`door` names the URL, and there is no `url`"),
            ("{door: both}", "`door` names the URL, and there is no `url`"),
            ("{requests: [{path: /, door: url}]}", "`door` names the URL, and there is no `url`"),
            ("{url: \"http://a/\", door: service}", "no request goes to the `url`"),
            ("{url: \"http://a/\", requests: [{path: /, door: service}]}", "no request goes to the `url`"),
            ("{door: ingress}", "ingress"),
            ("{url: \"https://a/\", resolve: \"http://a.example/\"}", "expected one such as 192.0.2.10"),
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
        for (load, door, told) in [
            ("{}", Door::Url, "a request goes to a URL, and there is none"),
            ("{url: \"http://a/\"}", Door::Service, "no request goes to http://a/"),
        ] {
            let mut plan = planned(&format!("load: {load}")).unwrap();
            plan.variants[0].spec.load.requests[0].door = Some(door);
            let error = back(&recorded(&plan), &GivenValues::default()).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
