//! TLS of a load: the trusted CAs are read with the scenario, so that a record and an agent have them.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};

use super::limits::BeyondLimit;
use super::plan_error::{FaultContext, PlanError};
use crate::manifest::FileSource;
use crate::scenario::model::{ScenarioLoad, ScenarioTls};
use crate::spec::TlsSpec;

/// The most CAs that a file may hold.
const MAX_CAS: usize = 1_000;

/// The TLS of a load; a URL decides whether there is any, and a Service leaves it to the scenario. `at_service`: requests go to the
/// Service.
pub(super) fn plan(
    context: FaultContext<'_>,
    files: (&Path, &dyn FileSource),
    load: &ScenarioLoad,
    at_service: bool,
) -> Result<Option<TlsSpec>, PlanError> {
    match (&load.tls, load.url.as_ref().map(|url| url.value.is_https())) {
        (None, None | Some(false)) => Ok(None),
        (None, Some(true)) => Ok(Some(TlsSpec::default())),
        (Some(tls), Some(false)) if !at_service => {
            let tls_key = context.named("tls", &flags_of(&tls.value));
            let url = context.named("url", "--url");
            let message = format!("{tls_key} stands beside a {url} that begins with http://, which has no TLS");
            let help = format!("begin the URL with https://, or remove {tls_key}");
            Err(context.fault(Some(&tls.place), &message, &help))
        }
        (Some(tls), _) => options(context, files, &tls.value).map(Some),
    }
}

fn options(
    context: FaultContext<'_>,
    (folder, files): (&Path, &dyn FileSource),
    spec: &ScenarioTls,
) -> Result<TlsSpec, PlanError> {
    let insecure = spec.insecure.as_ref().filter(|insecure| insecure.value);
    if let (Some(ca), Some(_)) = (&spec.ca, insecure) {
        let (insecure, ca_key) = (context.named("insecure", "--tls-insecure"), context.named("ca", "--tls-ca"));
        let message = format!("{insecure} takes any certificate, so that {ca_key} decides nothing");
        return Err(context.fault(Some(&ca.place), &message, "remove one of the two"));
    }
    let mut planned = TlsSpec { insecure: insecure.is_some(), ..TlsSpec::default() };
    if let Some(name) = &spec.server_name {
        let key = context.named("server_name", "--tls-server-name");
        context.beyond(Some(&name.place), server_name(&key, &name.value))?;
        planned.server_name = Some(name.value.clone());
    }
    if let Some(ca) = &spec.ca {
        let path = folder.join(&ca.value);
        let key = context.named("ca", "--tls-ca");
        let text = files.read(&path).map_err(|error| match context.source {
            Some(_) => context.fault(Some(&ca.place), &error.to_string(), "paths are relative to the scenario"),
            None => context.fault(None, &format!("{key}: {error}"), "give the CA's certificate as a PEM file"),
        })?;
        let certificates = authorities(&text).map_err(|why| {
            let message = format!("{key} names {}, {why}", path.display());
            context.fault(Some(&ca.place), &message, "give the CA's certificate as PEM (-----BEGIN CERTIFICATE-----)")
        })?;
        planned.ca = Some(certificates);
    }
    Ok(planned)
}

/// What should be said of it before the start.
pub(super) fn note(tls: &TlsSpec) -> Option<String> {
    tls.insecure.then(|| "the server's certificate is not checked, as `insecure` asks".to_owned())
}

/// What a record holds, checked as a scenario is.
pub(super) fn check(tls: &TlsSpec) -> Result<(), String> {
    if let Some(ca) = &tls.ca {
        let kept = authorities(ca).map_err(|why| format!("`ca` is a text {why}"))?;
        if kept != *ca {
            return Err("`ca` holds more than certificates".to_owned());
        }
    }
    let name = tls.server_name.as_deref().map_or(Ok(()), |name| server_name("`server_name`", name));
    name.map_err(|beyond| beyond.message)
}

/// The flags that ask for it.
fn flags_of(tls: &ScenarioTls) -> String {
    let all = [
        (tls.ca.is_some(), "--tls-ca"),
        (tls.server_name.is_some(), "--tls-server-name"),
        (tls.insecure.is_some(), "--tls-insecure"),
    ];
    all.into_iter().filter(|(asked, _)| *asked).map(|(_, flag)| flag).collect::<Vec<_>>().join(" and ")
}

fn server_name(key: &str, name: &str) -> Result<(), BeyondLimit> {
    if ServerName::try_from(name).is_ok() {
        return Ok(());
    }
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    let message = format!("{key} is `{shown}`, expected a DNS name or an IP address");
    Err(BeyondLimit { message, help: "leave it out for the name of the URL or of the Service" })
}

/// The certificates in `text` and nothing else of it: a key that stands beside them must not get into a record.
fn authorities(text: &str) -> Result<String, String> {
    let read = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    let certificates = read.map_err(|error| format!("which is no PEM: {error}"))?;
    if !(1..=MAX_CAS).contains(&certificates.len()) {
        return Err(format!("which holds {} certificates, expected 1 to {MAX_CAS}", certificates.len()));
    }
    for (number, certificate) in (1..).zip(&certificates) {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| format!("whose certificate {number} is none: {error}"))?;
    }
    Ok(TlsSpec::pem(certificates.iter().map(AsRef::as_ref)))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::super::from_record_tests::{back, recorded};
    use super::super::tests::plan_with;
    use super::super::{GivenValues, PlanError, PlanOverrides, RunPlan};
    use super::*;

    /// A certificate, with its key beside it.
    fn bundle() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["web".to_owned()]).unwrap().self_signed(&key).unwrap();
        (TlsSpec::pem([certificate.der().as_ref()]), key.serialize_pem())
    }

    fn planned(load: &str, file: &str) -> Result<RunPlan, PlanError> {
        plan_with(&format!("name: test\nmanifests: web.yaml\nload: {load}\n"), file, &PlanOverrides::default())
    }

    fn recorded_again(plan: &RunPlan) -> Result<RunPlan, PlanError> {
        back(&recorded(plan), &GivenValues::default())
    }

    fn tls_of(plan: &RunPlan) -> TlsSpec {
        plan.variants[0].spec.load.tls.clone().unwrap()
    }

    #[test]
    fn the_cas_are_read_with_the_scenario_and_a_key_beside_them_is_left_out() {
        let (certificate, key) = bundle();
        let plan = planned("{tls: {ca: patch.yaml, server_name: a.test}}", &format!("{key}{certificate}{certificate}"))
            .unwrap();
        let tls = tls_of(&plan);
        assert_eq!(tls.ca, Some(format!("{certificate}{certificate}")));
        assert_eq!((tls.server_name.as_deref(), tls.insecure), (Some("a.test"), false));
        assert_eq!(tls_of(&recorded_again(&plan).unwrap()), tls, "the record holds them");
    }

    #[test]
    fn without_a_file_the_platform_decides_and_without_the_key_there_is_no_tls() {
        assert_eq!(tls_of(&planned("{tls: {}}", "").unwrap()), TlsSpec::default());
        assert_eq!(planned("{rate: 5}", "").unwrap().variants[0].spec.load.tls, None);
        let insecure = planned("{tls: {insecure: true}}", "").unwrap();
        assert!(tls_of(&insecure).insecure);
        assert!(insecure.summary().to_string().contains("the server's certificate is not checked"));
    }

    #[test]
    fn what_is_no_ca_or_no_name_is_refused_with_what_was_expected() {
        let (certificate, key) = bundle();
        let broken = certificate.replacen("MII", "MIJ", 1);
        for (load, file, told) in [
            ("{tls: {ca: patch.yaml}}", "spec: {}", "holds 0 certificates, expected 1"),
            ("{tls: {ca: patch.yaml}}", key.as_str(), "holds 0 certificates, expected 1"),
            ("{tls: {ca: patch.yaml}}", broken.as_str(), "certificate 1 is none"),
            ("{tls: {ca: patch.yaml}}", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n", "no PEM"),
            ("{tls: {ca: nowhere.pem}}", "", "there is no such file"),
            ("{tls: {ca: patch.yaml, insecure: true}}", certificate.as_str(), "`ca` decides nothing"),
            ("{tls: {server_name: \"a b\"}}", "", "expected a DNS name or an IP address"),
        ] {
            let error = planned(load, file).unwrap_err().to_string();
            assert!(error.contains(told), "{load}: {error}");
        }
    }

    #[test]
    fn a_record_whose_ca_holds_more_than_certificates_is_refused() {
        let (certificate, key) = bundle();
        let mut plan = planned("{tls: {ca: patch.yaml}}", &certificate).unwrap();
        plan.variants[0].spec.load.tls.as_mut().unwrap().ca = Some(format!("{certificate}{key}"));
        let error = recorded_again(&plan).unwrap_err().to_string();
        assert!(error.contains("more than certificates"), "{error}");
    }
}
