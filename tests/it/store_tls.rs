//! PostgreSQL over TLS: a real server, a certificate of our own, and who is not believed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libmachine::store::{Claim, Error, Holder, Place, Postgres, Target};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::postgres::Server;
use crate::support::sandbox::{Ran, Sandbox};

/// An authority that vouches for `localhost`.
struct Authority {
    root: String,
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        Self { root: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn file(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, &self.root).expect("a file");
        path
    }
}

async fn claim(address: &str) -> Result<Claim, Error> {
    let target = Target::parse(address, None).expect("an address");
    let place = Place::Shared(Arc::new(Postgres::new(target, "shop")));
    place.claim(&Holder::this("machine up"), Duration::ZERO, |_, _| ()).await
}

/// What is said, and what to do.
async fn refused(address: &str) -> (String, String) {
    match claim(address).await {
        Ok(_) => panic!("{address} is believed"),
        Err(error) => (error.to_string(), error.hint().unwrap_or_default()),
    }
}

#[tokio::test]
async fn a_server_is_believed_only_with_a_certificate_that_a_known_authority_signed_for_its_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let folder = TempDir::new().expect("a folder");
    let root = authority.file(folder.path(), "root.pem");
    let other = stranger.file(folder.path(), "other root.pem");
    let server = Server::with_tls(&authority.certificate, &authority.key);
    let at = |host: &str, how: &str| format!("postgres://machine@{host}:{}/postgres?{how}", server.port);
    let sessions =
        "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'machine'";
    for mode in ["require", "verify-ca", "verify-full", "prefer"] {
        let address = at("localhost", &format!("sslmode={mode}&sslrootcert={}", root.display()));
        let claim = claim(&address).await.unwrap_or_else(|error| panic!("{mode}: {error}"));
        assert_eq!(server.query("postgres", sessions), "t", "{mode}");
        claim.release().await;
    }
    for mode in ["require", "verify-full", "prefer"] {
        let address =
            at("localhost", &format!("sslrootcert={}&sslmode={mode}", other.display().to_string().replace(' ', "%20")));
        let (said, hint) = refused(&address).await;
        assert!(said.contains("PostgreSQL at localhost") && said.contains("certificate"), "{mode}: {said}");
        assert!(hint.contains("sslrootcert"), "{mode}: {said}: {hint}");
        let (said, _) = refused(&at("localhost", &format!("sslmode={mode}"))).await;
        assert!(said.contains("certificate"), "this computer does not know it either: {said}");
    }
    let (said, hint) = refused(&at("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={}", root.display()))).await;
    assert!(hint.contains("for another name"), "{said}: {hint}");
    let (said, _) = refused(&at("localhost", "sslmode=require&sslrootcert=/nowhere.pem")).await;
    assert!(said.contains("`sslrootcert` /nowhere.pem"), "{said}");

    let sandbox = Sandbox::with(
        "name: shop\nproviders: { sim: { driver: simulated } }\ndefaults: { provider: sim, engine: false }\nmachines: { web: {} }\n",
    );
    let (address, trusted) = (at("localhost", "sslmode=require"), root.display().to_string());
    let mut up = sandbox.command(["up", "-y", "--store", &address]);
    let ran = Ran::from(up.env("SSL_CERT_FILE", &trusted).output().expect("the binary runs"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(server.query("postgres", "SELECT count(*) > 0 FROM machine.records"), "t");
    let ran = sandbox.run(["plan", "--store", &address]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("certificate") && ran.stderr.contains("SSL_CERT_FILE"), "{}", ran.stderr);

    server.switch_tls(false);
    let (said, hint) = refused(&at("localhost", &format!("sslmode=verify-full&sslrootcert={trusted}"))).await;
    assert!(hint.contains("ssl = on"), "nothing is sent in the clear instead: {said}: {hint}");
    assert!(claim(&at("localhost", "sslmode=prefer")).await.is_ok(), "who only prefers it goes without");
}
