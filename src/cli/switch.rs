//! The hidden command that carries frames between a project's virtual machines.

use super::args::Switch;
use super::error::Error;
use super::exit_code::Exit;
use crate::provider::qemu;

pub(super) async fn run(verb: &Switch) -> Result<Exit, Error> {
    qemu::switch::serve(&verb.dir).await.map_err(|why| Error::failed(format!("the segment ended: {why}")))?;
    Ok(Exit::Done)
}
