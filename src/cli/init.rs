//! `machine init`.

use std::fs::File;
use std::io::{ErrorKind, Write as _};

use super::args::Init;
use super::error::Error;
use super::exit_code::Exit;
use super::project::tell;
use crate::config;
use crate::id::Name;

/// What `machine schema` prints, kept beside the Machinefile by whoever wants their editor to know it.
const SCHEMA: &str = "./machinefile.schema.json";

pub(super) fn run(verb: &Init) -> Result<Exit, Error> {
    let name = match &verb.name {
        Some(name) => Name::new(name).map_err(|why| Error::usage(why.to_string()))?,
        None => name_of_folder()?,
    };
    let folder = verb.path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| std::path::Path::new("."));
    if let Some(other) = config::NAMES.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        return Err(Error::failed(format!("{} is already there", other.display())).hint("edit it, or remove it first"));
    }
    let text = config::init::machinefile(&name, &random_id(), SCHEMA);
    let failed = |why: std::io::Error| Error::failed(format!("cannot write {}: {why}", verb.path.display()));
    let mut file = match File::create_new(&verb.path) {
        Err(why) if why.kind() == ErrorKind::AlreadyExists => {
            return Err(Error::failed(format!("{} is already there", verb.path.display())));
        }
        other => other.map_err(failed)?,
    };
    file.write_all(text.as_bytes()).map_err(failed)?;
    tell(&format!("Wrote {}. Next: machine plan, then machine up.\n", verb.path.display()));
    Ok(Exit::Done)
}

fn name_of_folder() -> Result<Name, Error> {
    let folder =
        std::env::current_dir().map_err(|why| Error::failed(format!("cannot tell the working folder: {why}")))?;
    let words = folder.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let clean: String = words.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let clean = clean.trim_matches(|c: char| c == '-' || c.is_ascii_digit());
    Name::new(clean)
        .map_err(|_| Error::usage("this folder's name is no project name").hint("give one: machine init --name shop"))
}

/// Six characters that tell two projects of one name apart; the first is a letter.
fn random_id() -> Name {
    use std::hash::{BuildHasher as _, RandomState};
    let mut number = RandomState::new().hash_one(std::time::SystemTime::now());
    let mut text = String::new();
    for position in 0..6 {
        let alphabet: &[u8] =
            if position == 0 { b"abcdefghijkmnpqrstuvwxyz" } else { b"abcdefghijkmnpqrstuvwxyz23456789" };
        let size = alphabet.len() as u64;
        text.push(char::from(alphabet[(number % size) as usize]));
        number /= size;
    }
    Name::new(&text).expect("letters and digits, a letter first")
}
