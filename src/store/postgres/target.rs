//! Which database, and how a connection to it is made.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
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
    /// The certificates that vouch for the server, in PEM; those that this computer trusts unless given.
    root: Option<PathBuf>,
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
        let (address, root) = verified(address);
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
        Ok(Self { config, lease: Self::LEASE, root })
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
            let (client, connection) = self.config.connect(tls(self.root.as_deref())?).await?;
            tokio::spawn(connection);
            Ok(client)
        };
        connecting.await.map_err(|error: Trouble| error)
    }

    pub(super) fn unreachable(&self, why: String) -> Error {
        Error::Open { path: self.name(), why }
    }
}

/// An address without what libpq alone understands of it: certificates are always verified here, as `verify-full` asks,
/// and `sslrootcert` names those that vouch.
fn verified(address: &str) -> (String, Option<PathBuf>) {
    let Some((before, query)) = address.split_once('?') else { return (address.to_owned(), None) };
    let mut root = None;
    let kept: Vec<_> = query
        .split('&')
        .filter_map(|pair| match pair.split_once('=') {
            Some(("sslmode", "verify-ca" | "verify-full")) => Some("sslmode=require"),
            Some(("sslrootcert", path)) => {
                root = Some(PathBuf::from(decoded(path))).filter(|path| *path != Path::new("system"));
                None
            }
            _ => Some(pair),
        })
        .collect();
    (format!("{before}?{}", kept.join("&")), root)
}

/// With `%2F` and the like in plain.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        if let (b'%', Some(code)) = (first, code) {
            bytes.push(code);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Verified against these certificates, or those that this computer trusts; `SSL_CERT_FILE` names others.
fn tls(root: Option<&Path>) -> Result<MakeRustlsConnect, Trouble> {
    let lost = |error: rustls::Error| Trouble::Lost(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(lost)?;
    let builder = match root {
        Some(path) => builder.with_root_certificates(roots(path).map_err(Trouble::Lost)?),
        None => rustls_platform_verifier::BuilderVerifierExt::with_platform_verifier(builder).map_err(lost)?,
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let unusable = |why: &dyn std::fmt::Display| format!("`sslrootcert` {}: {why}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|why| unusable(&why))? {
        roots.add(certificate.map_err(|why| unusable(&why))?).map_err(|why| unusable(&why))?;
    }
    if roots.is_empty() { Err(unusable(&"there is no certificate in it")) } else { Ok(roots) }
}
