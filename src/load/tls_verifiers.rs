//! Which certificates are taken where the usual rules do not say it alone. Who shows one must hold its key, whichever it is.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

#[derive(Debug)]
pub(super) struct CertificateRule {
    provider: Arc<CryptoProvider>,
    takes: TakenCertificate,
}

#[derive(Debug)]
enum TakenCertificate {
    Any,
    /// One for this name, whatever name the connection goes by.
    For {
        name: ServerName<'static>,
        usual: Arc<WebPkiServerVerifier>,
    },
}

impl CertificateRule {
    pub(super) fn any(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, takes: TakenCertificate::Any }
    }

    pub(super) fn for_name(
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
        name: ServerName<'static>,
    ) -> Result<Self, String> {
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let usual = usual.map_err(|error| error.to_string())?;
        Ok(Self { provider, takes: TakenCertificate::For { name, usual } })
    }
}

impl ServerCertVerifier for CertificateRule {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.takes {
            TakenCertificate::Any => Ok(ServerCertVerified::assertion()),
            TakenCertificate::For { name, usual } => usual.verify_server_cert(certificate, between, name, ocsp, now),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
