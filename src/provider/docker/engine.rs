//! The engine that the containers run on.

use std::io::ErrorKind;
use std::ops::Deref;

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};
use tokio::net::{TcpStream, UnixStream};

use crate::provider::docker::settings::Settings;
use crate::resource::Failure;

/// Seconds one call may take: an image of a gigabyte is taken in by one.
const LIMIT: u64 = 600;

/// A connection whose version was agreed upon.
#[derive(Clone, Debug)]
pub(super) struct Engine(Docker);

impl Deref for Engine {
    type Target = Docker;

    fn deref(&self) -> &Docker {
        &self.0
    }
}

impl Engine {
    pub(super) async fn connect(settings: &Settings) -> Result<Self, Failure> {
        let host = settings.host.as_str();
        reach(host).await.map_err(|error| unreachable(host, &error))?;
        let docker = match host.strip_prefix("unix://") {
            Some(path) => Docker::connect_with_unix(path, LIMIT, API_DEFAULT_VERSION),
            None => Docker::connect_with_http(host, LIMIT, API_DEFAULT_VERSION),
        };
        let docker = docker.map_err(failure)?.negotiate_version().await;
        Ok(Self(docker.map_err(failure)?))
    }
}

/// Tells what is wrong more plainly than the first call would.
async fn reach(host: &str) -> std::io::Result<()> {
    match host.split_once("://") {
        Some(("unix", path)) => UnixStream::connect(path).await.map(drop),
        Some((_, address)) => TcpStream::connect(address).await.map(drop),
        None => Err(ErrorKind::InvalidInput.into()),
    }
}

fn unreachable(host: &str, error: &std::io::Error) -> Failure {
    let failure = Failure::new(format!("the Docker Engine at {host} cannot be reached: {error}"));
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            failure.hint("install and start it, or say where it is with the provider's `host`")
        }
        ErrorKind::PermissionDenied => failure.hint("add your user to the group `docker`, or run a rootless engine"),
        _ => failure,
    }
}

/// In the engine's own words.
pub(super) fn failure(error: Error) -> Failure {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            let failure = Failure::new(message.trim().to_owned());
            if message.contains("port is already allocated") || message.contains("address already in use") {
                return failure.hint("another program has that port of this computer: choose another in `ports`");
            }
            // Another call of ours is removing or starting the same thing.
            if status_code == 503 || message.contains("is already in progress") { failure.retry(None) } else { failure }
        }
        Error::RequestTimeoutError | Error::HyperResponseError { .. } | Error::HyperLegacyError { .. } => {
            Failure::new(format!("the Docker Engine does not answer: {error}")).retry(None)
        }
        other => Failure::new(other.to_string()),
    }
}

/// `None` for what is not there.
pub(super) fn present<T>(result: Result<T, Error>) -> Result<Option<T>, Failure> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

/// Success for what is already so (304) and for what is gone (404).
pub(super) fn settled(result: Result<(), Error>) -> Result<(), Failure> {
    match result {
        Err(Error::DockerResponseServerError { status_code: 304 | 404, .. }) => Ok(()),
        result => result.map_err(failure),
    }
}
