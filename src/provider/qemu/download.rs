//! Large files from the web: resumed where they were cut, verified as they come.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, RANGE};
use sha2::{Digest as _, Sha256, Sha512};

use crate::desired::Digest;
use crate::provider::qemu::folder::{problem, remove_file};
use crate::resource::{Context, Failure};
use crate::transport::http::{Http, chain};

/// How often a download that was cut is taken up again before that is a failure.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);

/// Brings `url` into `part`, which may hold its beginning already. On success `part` is whole and has the digest;
/// a file with another digest is removed.
pub(super) async fn download(
    http: &Http,
    url: &str,
    part: &Path,
    digest: &Digest,
    cx: &Context,
) -> Result<(), Failure> {
    let mut attempt = 1;
    loop {
        match fetch(http, url, part, digest, cx).await {
            Ok(hasher) => return verify(&hasher.finish(), url, part, digest),
            Err(Cut { failure, again: true }) if attempt < ATTEMPTS => {
                cx.progress.say(format!("resuming the download: {failure}"));
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(Cut { failure, .. }) => return Err(failure),
        }
    }
}

/// A small text file.
pub(super) async fn text(http: &Http, url: &str) -> Result<String, Failure> {
    let request = http.get(url).map_err(|error| Failure::new(error.to_string()))?;
    let response = request.send().await.and_then(reqwest::Response::error_for_status);
    let text = async { response?.text().await };
    text.await.map_err(|error| unreachable(url, &chain(&error)))
}

/// A download that did not come to its end.
struct Cut {
    failure: Failure,
    /// Whether what has come is good and the rest may be asked for.
    again: bool,
}

impl From<Failure> for Cut {
    fn from(failure: Failure) -> Self {
        Self { failure, again: false }
    }
}

async fn fetch(http: &Http, url: &str, part: &Path, digest: &Digest, cx: &Context) -> Result<Hasher, Cut> {
    let mut hasher = Hasher::new(digest);
    let mut have = hash_file(part, &mut hasher).map_err(problem(part))?;
    let mut request = http.get(url).map_err(|error| Failure::new(error.to_string()))?;
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
    }
    let cut = |error: &reqwest::Error, again| Cut { failure: unreachable(url, &chain(error)), again };
    let response = request.send().await.map_err(|error| cut(&error, error.is_timeout()))?;
    match response.status() {
        // Nothing comes after what we have: it is whole, and the digest says whether it is right.
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => return Ok(hasher),
        StatusCode::PARTIAL_CONTENT if starts_at(&response, have) => {}
        _ => (have, hasher) = (0, Hasher::new(digest)),
    }
    let response = response.error_for_status().map_err(|error| cut(&error, false))?;
    let total = response.content_length().map(|rest| rest + have);
    let mut file = File::options().create(true).append(true).open(part).map_err(problem(part))?;
    file.set_len(have).map_err(problem(part))?;
    let mut told = None;
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| cut(&error, true))?;
        file.write_all(&chunk).map_err(problem(part))?;
        hasher.update(&chunk);
        have += chunk.len() as u64;
        if cx.cancel.is_cancelled() {
            return Err(Failure::new(format!("stopped while downloading {url}")).into());
        }
        tell(cx, url, have, total, &mut told);
    }
    file.sync_all().map_err(problem(part))?;
    Ok(hasher)
}

fn starts_at(response: &reqwest::Response, offset: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
}

/// Once for each percent, or for each 16 MB where the length is not known.
fn tell(cx: &Context, url: &str, have: u64, total: Option<u64>, told: &mut Option<u64>) {
    let mark = total.map_or(have >> 24, |total| have * 100 / total.max(1));
    if told.replace(mark) != Some(mark) {
        let name = url.rsplit('/').next().unwrap_or(url);
        let how_far = total.map_or_else(|| format!("{} MB", have / 1_000_000), |_| format!("{mark} %"));
        cx.progress.say(format!("downloading {name}, {how_far}"));
    }
}

fn verify(got: &str, url: &str, part: &Path, digest: &Digest) -> Result<(), Failure> {
    let (Digest::Sha256(wanted) | Digest::Sha512(wanted)) = digest;
    if got.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    remove_file(part)?;
    Err(Failure::new(format!("{url} has the digest {got}, not {wanted}"))
        .hint("its content has changed or was damaged on the way; check the digest in the Machinefile"))
}

fn unreachable(url: &str, why: &str) -> Failure {
    Failure::new(format!("{url} cannot be downloaded: {why}")).hint("check the address and the network").retry(None)
}

enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn new(digest: &Digest) -> Self {
        match digest {
            Digest::Sha256(_) => Self::Sha256(Sha256::new()),
            Digest::Sha512(_) => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => hex::encode(hasher.finalize()),
            Self::Sha512(hasher) => hex::encode(hasher.finalize()),
        }
    }
}

/// Feeds what a file holds; a file that is not there holds nothing. Returns its length.
fn hash_file(path: &Path, hasher: &mut Hasher) -> io::Result<u64> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        file => file?,
    };
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(length);
        }
        hasher.update(&buffer[..read]);
        length += read as u64;
    }
}

/// Whether a file starts like one that must be unpacked first.
pub(super) fn is_packed(path: &Path) -> io::Result<bool> {
    let mut start = [0; 6];
    let read = File::open(path)?.read(&mut start)?;
    let magics: [&[u8]; 4] = [b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"BZh"];
    Ok(magics.iter().any(|magic| start[..read].starts_with(magic)))
}
