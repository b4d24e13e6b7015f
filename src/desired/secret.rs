//! A secret by reference: looked up when it is needed, and kept nowhere.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncReadExt as _;

use crate::value::Value;

/// How long a program may take to print a secret.
const PATIENCE: Duration = Duration::from_secs(30);
/// No secret is longer.
const MAX_BYTES: u64 = 64 << 10;

/// Where a secret is.
#[derive(Clone, Debug)]
pub enum Secret {
    /// `{ env: NAME }`.
    Variable(String),
    /// `{ file: PATH }`.
    File(PathBuf),
    /// `{ command: [PROGRAM, …] }`, run in the folder of the file that names it.
    Command { words: Vec<String>, folder: PathBuf },
    /// Written out.
    Literal(SecretString),
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Variable(one), Self::Variable(other)) => one == other,
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Command { words, folder }, Self::Command { words: other_words, folder: other_folder }) => {
                words == other_words && folder == other_folder
            }
            (Self::Literal(one), Self::Literal(other)) => one.expose_secret() == other.expose_secret(),
            _ => false,
        }
    }
}

/// Why a secret cannot be had. It never holds what was found.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("variable `{0}` is not set")]
    Unset(String),
    #[error("cannot read `{}`: {cause}", .path.display())]
    File { path: PathBuf, cause: std::io::Error },
    #[error("cannot run `{program}`: {cause}")]
    Program { program: String, cause: std::io::Error },
    #[error("`{program}` failed ({status}){said}")]
    Failed { program: String, status: std::process::ExitStatus, said: String },
    #[error("`{program}` did not finish within {} seconds", PATIENCE.as_secs())]
    Slow { program: String },
    #[error("{0} holds nothing")]
    Empty(String),
    #[error("{0} holds more than a secret, or no text")]
    NoText(String),
}

impl Secret {
    /// As the schema lets it be written; relative paths start from `base`.
    #[must_use]
    pub fn read(value: &Value, base: &Path) -> Option<Self> {
        if let Some(text) = value.as_str() {
            return Some(Self::Literal(text.into()));
        }
        if let Some(name) = value["env"].as_str() {
            return Some(Self::Variable(name.to_owned()));
        }
        if let Some(path) = value["file"].as_str() {
            return Some(Self::File(base.join(path)));
        }
        let words = value["command"].as_array()?.iter().map(|word| word.as_str().map(str::to_owned));
        let words = words.collect::<Option<Vec<_>>>().filter(|words| !words.is_empty())?;
        Some(Self::Command { words, folder: base.to_owned() })
    }

    /// Looks it up. One line break at its end is not part of it.
    pub async fn reveal(&self) -> Result<SecretString, SecretError> {
        let (text, place) = match self {
            Self::Literal(secret) => return Ok(secret.clone()),
            Self::Variable(name) => {
                let value = std::env::var(name).map_err(|_| SecretError::Unset(name.clone()))?;
                (value, format!("variable `{name}`"))
            }
            Self::File(path) => (file(path).await?, format!("`{}`", path.display())),
            Self::Command { words, folder } => (command(words, folder).await?, format!("what `{}` prints", words[0])),
        };
        let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() {
            return Err(SecretError::Empty(place));
        }
        Ok(text.into())
    }
}

async fn file(path: &Path) -> Result<String, SecretError> {
    let unreadable = |cause| SecretError::File { path: path.to_owned(), cause };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
    text(bytes, || format!("`{}`", path.display()))
}

async fn command(words: &[String], folder: &Path) -> Result<String, SecretError> {
    let program = &words[0];
    let failed = |cause| SecretError::Program { program: program.clone(), cause };
    let mut command = tokio::process::Command::new(program);
    command.args(&words[1..]).current_dir(folder).kill_on_drop(true);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.map_err(|_| SecretError::Slow { program: program.clone() })?.map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).map(|line| format!(": {}", line.trim()));
        let (program, said) = (program.clone(), last.unwrap_or_default());
        return Err(SecretError::Failed { program, status: output.status, said });
    }
    text(output.stdout, || format!("what `{program}` prints"))
}

fn text(bytes: Vec<u8>, place: impl Fn() -> String) -> Result<String, SecretError> {
    let fits = bytes.len() as u64 <= MAX_BYTES;
    String::from_utf8(bytes).ok().filter(|_| fits).ok_or_else(|| SecretError::NoText(place()))
}
