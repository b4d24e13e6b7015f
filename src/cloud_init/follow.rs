//! The settings of a user-data with those of the addresses that it includes.

use std::error::Error as StdError;

use super::decode::{MAX_BYTES, Part, decode};
use super::error::Error;
use super::format::Format;
use super::settings::{Settings, read};

/// Addresses that include others.
const MAX_CHAIN: usize = 8;
/// Addresses in all.
const MAX_ADDRESSES: usize = 64;

/// Why the settings of a user-data could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FollowError<E: StdError + 'static> {
    #[error("`{name}`: {error}")]
    Text { name: String, error: Error },

    #[error("`{name}` cannot be had")]
    Fetch {
        name: String,
        #[source]
        error: E,
    },

    #[error("`{0}` includes itself")]
    Circle(String),

    #[error("`{0}` is included through more than {MAX_CHAIN} others")]
    TooDeep(String),

    #[error("`{0}` includes more than {MAX_ADDRESSES} addresses")]
    TooMany(String),

    #[error("`{0}` and what it includes are larger than {MAX_BYTES} bytes")]
    TooLarge(String),

    /// A text from elsewhere names a file of this computer.
    #[error("`{name}` includes `{address}`, which is not a web address")]
    Foreign { name: String, address: String },
}

impl<E: StdError + 'static> FollowError<E> {
    /// What to do about it, apart from the message.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Text { error, .. } => error.hint(),
            Self::Circle(_) => Some("take one of the `#include` lines out"),
            _ => None,
        }
    }
}

/// A part, and the addresses that led to it.
struct Pending {
    chain: Vec<String>,
    part: Part,
}

/// The cloud-config texts of a user-data in order, those of an `#include` standing in its place. `name` is what messages
/// call the text: its address or file. Addresses are fetched by `fetch`, each as often as it is named.
pub async fn follow<E: StdError + 'static>(
    name: &str,
    bytes: &[u8],
    fetch: impl AsyncFn(&str) -> Result<Vec<u8>, E>,
) -> Result<Vec<Settings>, FollowError<E>> {
    let mut found = Vec::new();
    let mut pending = Vec::new();
    let (mut addresses, mut left) = (0, MAX_BYTES);
    push(&mut pending, &[name.to_owned()], bytes, &mut left)?;
    while let Some(Pending { chain, part }) = pending.pop() {
        let here = chain.last().expect("a chain begins with the text itself").clone();
        if !matches!(part.format, Format::Include | Format::IncludeOnce) {
            let settings = read(part).map_err(|error| FollowError::Text { name: here.clone(), error })?;
            found.extend(settings.map(|settings| Settings { part: place(&here, &settings.part), ..settings }));
            continue;
        }
        let mut included = Vec::new();
        for address in lines(&part.body) {
            addresses += 1;
            if addresses > MAX_ADDRESSES {
                return Err(FollowError::TooMany(name.to_owned()));
            }
            if chain.contains(&address) {
                return Err(FollowError::Circle(address));
            }
            if chain.len() > MAX_CHAIN {
                return Err(FollowError::TooDeep(address));
            }
            if !address.starts_with("http://") && !address.starts_with("https://") {
                return Err(FollowError::Foreign { name: here, address });
            }
            let bytes = fetch(&address).await.map_err(|error| FollowError::Fetch { name: address.clone(), error })?;
            let chain = [chain.as_slice(), &[address]].concat();
            let mut parts = Vec::new();
            push(&mut parts, &chain, &bytes, &mut left)?;
            parts.reverse();
            included.append(&mut parts);
        }
        pending.extend(included.into_iter().rev());
    }
    Ok(found)
}

/// Puts a text's parts on the pile, the first one on top.
fn push<E: StdError + 'static>(
    pending: &mut Vec<Pending>,
    chain: &[String],
    bytes: &[u8],
    left: &mut usize,
) -> Result<(), FollowError<E>> {
    let name = chain.last().expect("a chain begins with the text itself");
    let parts = decode(bytes).map_err(|error| FollowError::Text { name: name.clone(), error })?;
    let size = parts.iter().map(|part| part.body.len()).sum();
    *left = left.checked_sub(size).ok_or_else(|| FollowError::TooLarge(chain[0].clone()))?;
    pending.extend(parts.into_iter().rev().map(|part| Pending { chain: chain.to_vec(), part }));
    Ok(())
}

fn place(name: &str, part: &str) -> String {
    if part == Part::ALONE { name.to_owned() } else { format!("{name}, {part}") }
}

/// One address a line, also behind the header itself; `#` begins a comment.
fn lines(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let address = |line: &str| {
        let lower = line.to_ascii_lowercase();
        let header = ["#include-once", "#include"].into_iter().find(|header| lower.starts_with(header));
        let rest = line[header.map_or(0, str::len)..].trim();
        (!rest.is_empty() && !rest.starts_with('#')).then(|| rest.to_owned())
    };
    text.lines().filter_map(|line| address(line.trim_start())).collect()
}
