//! Why TLS failed, in words: what was found, and what was expected. What the server says of itself is shown escaped.

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};

/// Names of a certificate that are shown.
const NAMES: usize = 5;

pub(super) fn describe(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::InvalidMessage(_) => "the answer is no TLS, expected a port that speaks TLS".to_owned(),
        Error::AlertReceived(alert) => format!("the server refused TLS with the alert {alert:?}"),
        other => other.to_string(),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "the server's certificate is signed by no CA that is trusted, expected one of a CA in `tls: {ca: FILE}` or, without \
             it, of the platform"
                .to_owned()
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the server's certificate expired at {}, expected a valid one", moment(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the server's certificate is valid from {} on only, expected a valid one", moment(*not_before))
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let for_names = names(presented);
            let wanted = expected.to_str();
            format!("the server's certificate is for {for_names}, expected one for {wanted}, or `tls: {{server_name: NAME}}`")
        }
        other => format!("the server's certificate is not valid: {other}"),
    }
}

fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inner = name.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
        inner.unwrap_or(name).escape_debug().take(100).collect::<String>()
    };
    match presented {
        [] => "no name".to_owned(),
        names => {
            let more = if names.len() > NAMES { " and others" } else { "" };
            names.iter().take(NAMES).map(plain).collect::<Vec<_>>().join(", ") + more
        }
    }
}

fn moment(at: UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("second {seconds} of 1970"), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_certificate_are_few_and_escaped() {
        let shown = names(&["DnsName(\"a.test\")".to_owned(), "x\u{1b}[2J".to_owned()]);
        assert_eq!(shown, "a.test, x\\u{1b}[2J");
        assert_eq!(names(&[]), "no name");
        let many: Vec<String> = (0..9).map(|n| format!("DnsName(\"{n}\")")).collect();
        assert_eq!(names(&many), "0, 1, 2, 3, 4 and others");
    }
}
