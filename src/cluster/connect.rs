//! Temporary.
#![allow(missing_docs)]
use kube::Client;
use std::time::Duration;
pub struct Connected {
    pub client: Client,
    pub version: String,
}
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConnectError(String);
pub async fn connect(context: &str) -> Result<Connected, ConnectError> {
    let options = kube::config::KubeConfigOptions { context: Some(context.to_owned()), ..Default::default() };
    let mut config = kube::Config::from_kubeconfig(&options).await.map_err(|e| ConnectError(e.to_string()))?;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.default_retry = false;
    let client = Client::try_from(config).map_err(|e| ConnectError(e.to_string()))?;
    let version = client.apiserver_version().await.map_err(|e| ConnectError(e.to_string()))?.git_version;
    Ok(Connected { client, version })
}
pub fn in_cluster() -> Result<Client, ConnectError> {
    let mut config = kube::Config::incluster().map_err(|e| ConnectError(e.to_string()))?;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.default_retry = false;
    Client::try_from(config).map_err(|e| ConnectError(e.to_string()))
}
