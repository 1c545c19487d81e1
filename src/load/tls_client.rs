//! TLS of a load: whom it trusts, and the handshake of one connection.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::spec::TlsSpec;

use super::classify::HandshakeEnd;
use super::plan::LoadError;
use super::socket::CountedSocket;
use super::tls_socket::tls_error;
use super::tls_verifiers::CertificateRule;
use super::tls_words;

/// What the connections of the exact arms share.
pub(super) struct TlsClient {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl TlsClient {
    pub(super) fn new(spec: &TlsSpec) -> Result<Self, LoadError> {
        let mut config = config(spec)?;
        // Each connection is that of another client. With a session of before, the certificate would not be looked at again.
        config.resumption = Resumption::disabled();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name: server_name(spec)? })
    }

    /// Secures a connection, until `deadline`.
    pub(super) async fn handshake(
        &self,
        socket: CountedSocket,
        mut deadline: Pin<&mut Sleep>,
    ) -> Result<TlsStream<CountedSocket>, HandshakeEnd> {
        let mut connecting = pin!(self.connector.connect(self.name.clone(), socket));
        let secured = poll_fn(|cx| {
            if let Poll::Ready(result) = connecting.as_mut().poll(cx) {
                return Poll::Ready(Some(result));
            }
            deadline.as_mut().poll(cx).map(|()| None)
        });
        match secured.await {
            None => Err(HandshakeEnd::TimedOut),
            Some(Ok(stream)) => Ok(stream),
            Some(Err(error)) => Err(match tls_error(&error) {
                None | Some(rustls::Error::AlertReceived(rustls::AlertDescription::CloseNotify)) => HandshakeEnd::Ended,
                Some(error) => HandshakeEnd::Refused { words: tls_words::describe(error) },
            }),
        }
    }
}

/// The configuration of a client that is given its connections' names, and the name that it is to ask for.
pub(super) struct OrdinaryTls {
    pub(super) config: ClientConfig,
    /// `None` for an address, which no client asks for.
    pub(super) host: Option<String>,
}

impl OrdinaryTls {
    pub(super) fn new(spec: &TlsSpec) -> Result<Self, LoadError> {
        let mut config = config(spec)?;
        let name = server_name(spec)?;
        if let ServerName::DnsName(host) = &name {
            return Ok(Self { host: Some(host.as_ref().to_owned()), config });
        }
        // Its URL names no address, or it would connect there.
        config.enable_sni = false;
        if !spec.insecure {
            let verifier = CertificateRule::for_name(roots(spec)?, provider(), name).map_err(refused)?;
            config.dangerous().set_certificate_verifier(Arc::new(verifier));
        }
        Ok(Self { config, host: None })
    }

    /// For a client that uses no TLS but wants to be given one.
    pub(super) fn unused() -> Result<Self, LoadError> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| refused(error.to_string()))?;
        Ok(Self { config: builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(), host: None })
    }
}

/// Secures a connection to a server whose certificate nobody looks at, as the kubelet's probes do. The error is in words.
pub(crate) async fn secure_unverified(stream: TcpStream, host: &str) -> Result<UnverifiedStream, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let spec = TlsSpec { insecure: true, ..TlsSpec::default() };
    let config = config(&spec).map_err(|error| error.to_string())?;
    let secured = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    secured.map_err(|error| tls_error(&error).map_or_else(|| error.to_string(), tls_words::describe))
}

/// A connection to a server whose certificate nobody looked at.
pub(crate) type UnverifiedStream = TlsStream<TcpStream>;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn refused(why: String) -> LoadError {
    LoadError::Tls { why }
}

fn config(spec: &TlsSpec) -> Result<ClientConfig, LoadError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| refused(error.to_string()))?;
    let mut config = if spec.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(CertificateRule::any(provider)))
            .with_no_client_auth()
    } else {
        builder.with_root_certificates(roots(spec)?).with_no_client_auth()
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(spec: &TlsSpec) -> Result<RootCertStore, LoadError> {
    let pem = spec.ca.as_deref().unwrap_or_default();
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok);
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        let why = "no CA certificate is trusted, expected one at least; install the platform's (`ca-certificates`), or give a CA \
                   with `tls: {ca: FILE}`";
        return Err(refused(why.to_owned()));
    }
    Ok(roots)
}

fn server_name(spec: &TlsSpec) -> Result<ServerName<'static>, LoadError> {
    let name = spec.server_name.clone().unwrap_or_default();
    ServerName::try_from(name).map_err(|_| {
        let name = spec.server_name.as_deref().unwrap_or_default();
        refused(format!("the server's name is `{}`, expected a DNS name or an address", name.escape_debug()))
    })
}
