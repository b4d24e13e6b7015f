//! Which database, and how a connection to it is made.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::trouble::Trouble;
use crate::store::Error;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A database that a team keeps its projects in.
#[derive(Clone)]
pub struct Target {
    config: Config,
    /// How long a silent run keeps the project to itself.
    lease: Duration,
}

/// Without the password.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.name())
    }
}

impl Target {
    /// How long a run may be silent unless said otherwise.
    const LEASE: Duration = Duration::from_secs(20);

    /// Reads `postgres://user@host/database`; `password` stands in for one that the address does not hold. The error is
    /// a fragment and holds no part of the address.
    pub fn parse(address: &str, password: Option<&str>) -> Result<Self, String> {
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err("it does not begin with `postgres://`".to_owned());
        }
        let mut config: Config = address.parse().map_err(|error: tokio_postgres::Error| {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host; a socket's folder is written `?host=/run/postgresql`".to_owned());
        }
        if config.get_password().is_none() {
            password.map(|password| config.password(password));
        }
        // A peer that is gone without a word is noticed within a minute.
        config
            .application_name("machine")
            .connect_timeout(CONNECT)
            .keepalives_idle(Duration::from_secs(20))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(4)
            .tcp_user_timeout(Duration::from_secs(40));
        Ok(Self { config, lease: Self::LEASE })
    }

    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    pub(super) fn lease_time(&self) -> Duration {
        self.lease
    }

    /// For messages: `PostgreSQL at db.example, database machine`.
    pub(super) fn name(&self) -> String {
        let host = self.config.get_hosts().first().map_or_else(
            || self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
            |host| match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            },
        );
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or("of the user");
        format!("PostgreSQL at {host}, database {database}")
    }

    pub(super) async fn connect(&self) -> Result<Client, Trouble> {
        let local = self.config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let connecting = async {
            if local || self.config.get_ssl_mode() == SslMode::Disable {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(connection);
                return Ok(client);
            }
            let (client, connection) = self.config.connect(tls()?).await?;
            tokio::spawn(connection);
            Ok(client)
        };
        connecting.await.map_err(|error: Trouble| error)
    }

    pub(super) fn unreachable(&self, why: String) -> Error {
        Error::Open { path: self.name(), why }
    }
}

/// Verified against the certificates that this computer trusts; `SSL_CERT_FILE` names others.
fn tls() -> Result<MakeRustlsConnect, Trouble> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(rustls_platform_verifier::BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| Trouble::Lost(error.to_string()))?;
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}
