//! The one HTTP client: TLS by rustls, time limits that no caller can forget, and a base address that a test can set.

use std::sync::Once;
use std::time::Duration;

use reqwest::header::CACHE_CONTROL;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, RequestBuilder, Url};

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(15);
/// How long it may then stay silent; a download that keeps moving has no limit.
const SILENCE: Duration = Duration::from_mins(1);
/// Addresses that an address may lead on to.
const MAX_REDIRECTS: usize = 5;

/// A client, with the address that relative paths start from.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    base: Option<Url>,
}

/// Why a client or a request could not be made; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{text}` is not a web address: {why}")]
    Address { text: String, why: String },
    #[error("no secure connections are possible here: {0}")]
    Setup(String),
}

impl Http {
    /// For absolute addresses only.
    pub fn new() -> Result<Self, Error> {
        Self::with(Policy::default())
    }

    /// For addresses that users write and texts that we act upon: few redirects, and none that leaves encryption.
    pub fn careful() -> Result<Self, Error> {
        Self::with(Policy::custom(redirect))
    }

    fn with(redirects: Policy) -> Result<Self, Error> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Fails only where the process has chosen one already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let client = Client::builder()
            .user_agent(concat!("machine/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(redirects)
            .build()
            .map_err(|error| Error::Setup(chain(&error)))?;
        Ok(Self { client, base: None })
    }

    /// `base` ends in `/`: `https://api.example.com/v2/`.
    pub fn at(base: &str) -> Result<Self, Error> {
        Ok(Self { base: Some(parse(base)?), ..Self::new()? })
    }

    /// A request to an absolute address, or to a path below the base.
    pub fn request(&self, method: Method, to: &str) -> Result<RequestBuilder, Error> {
        let url = match &self.base {
            Some(base) => base.join(to).map_err(|error| Error::Address { text: to.into(), why: error.to_string() })?,
            None => parse(to)?,
        };
        Ok(self.client.request(method, url))
    }

    /// A request for a small text that is not kept on the way.
    pub fn text(&self, to: &str) -> Result<RequestBuilder, Error> {
        Ok(self.get(to)?.header(CACHE_CONTROL, "no-cache"))
    }

    pub fn get(&self, to: &str) -> Result<RequestBuilder, Error> {
        self.request(Method::GET, to)
    }
}

/// What began encrypted stays so.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let downgrade =
        attempt.previous().last().is_some_and(|url| url.scheme() == "https") && attempt.url().scheme() != "https";
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error(format!("it leads on more than {MAX_REDIRECTS} times"))
    } else if downgrade {
        attempt.error("it leads from https to an address without encryption")
    } else {
        attempt.follow()
    }
}

fn parse(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| Error::Address { text: text.into(), why: error.to_string() })
}

/// An error with its causes on one line: reqwest's own text leaves out why a connection failed.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}
