//! Whether an answer says that a proxy tried more than once before it came. Pure.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName};

/// Envoy's count of its own attempts, in answers where `include_attempt_count_in_response` is set.
const ENVOY: HeaderName = HeaderName::from_static("x-envoy-attempt-count");

/// `named` is the header of a proxy that says it in another way.
pub(super) fn tried_again(headers: &HeaderMap, named: Option<&HeaderName>) -> bool {
    let says_so = |name: &HeaderName, tries: fn(&str) -> usize| {
        headers.get_all(name).iter().any(|value| value.to_str().is_ok_and(|value| tries(value) > 1))
    };
    says_so(&ENVOY, number) || named.is_some_and(|name| says_so(name, |value| number(value).max(listed(value))))
}

/// The largest of several: two proxies in a row may have been joined in one line (RFC 9110, 5.3).
fn number(value: &str) -> usize {
    let numbers = value.split(',').map(|one| one.trim().parse::<usize>());
    numbers.collect::<Result<Vec<_>, _>>().ok().and_then(|all| all.into_iter().max()).unwrap_or(0)
}

/// The most addresses that were asked one after the other, as nginx writes its `$upstream_addr`: parted by commas. ` : ` parts those before
/// an internal redirect, which is no retry, from those after it.
fn listed(value: &str) -> usize {
    let is_address = |text: &&str| text.parse::<SocketAddr>().is_ok() || text.starts_with("unix:");
    let asked = |group: &str| group.split(',').map(str::trim).filter(is_address).count();
    value.split(" : ").map(asked).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(name: &'static str, values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        tried_again(&headers, Some(&HeaderName::from_static("x-upstream")))
    }

    #[test]
    fn a_proxy_that_lists_several_upstreams_or_counts_several_attempts_tried_again() {
        for value in [
            "10.0.0.1:80, 10.0.0.2:80",
            "10.0.0.1:80,10.0.0.1:80",
            "[::1]:80, unix:/tmp/sock",
            "10.0.0.1:80 : 10.0.0.2:80, 10.0.0.3:80",
            "2",
            " 3 ",
            "1, 2",
        ] {
            assert!(tried("x-upstream", &[value]), "{value}");
        }
        assert!(tried("x-envoy-attempt-count", &["2"]));
    }

    #[test]
    fn one_upstream_or_attempt_is_no_retry_and_neither_is_what_says_nothing() {
        for value in [
            "10.0.0.1:80",
            "[2001:db8::1]:80",
            "unix:/tmp/a",
            "",
            "-",
            ", ",
            "10.0.0.1:80, -",
            "10.0.0.1:80 : 10.0.0.2:80",
            "1",
            "1, 1",
            "MISS, HIT",
            "0",
            "-2",
        ] {
            assert!(!tried("x-upstream", &[value]), "{value}");
        }
        for value in ["1", "0", "", "two", "1, 1", "10.0.0.1:80, 10.0.0.2:80"] {
            assert!(!tried("x-envoy-attempt-count", &[value]), "{value}");
        }
        assert!(!tried("x-upstream", &["10.0.0.1:80", "10.0.0.2:80"]), "two proxies in a row asked one each");
        assert!(!tried("x-other", &["10.0.0.1:80, 10.0.0.2:80"]));
        let mut named = HeaderMap::new();
        named.append("x-upstream", "2".parse().unwrap());
        assert!(!tried_again(&named, None), "nobody said what that header means");
    }
}
