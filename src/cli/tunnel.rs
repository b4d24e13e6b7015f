//! The hidden command that carries what is said on a socket here to a machine's engine.

use super::args::Tunnel;
use super::error::Error;
use super::exit_code::Exit;
use crate::host;

pub(super) async fn run(verb: &Tunnel) -> Result<Exit, Error> {
    let served = host::serve_tunnel(verb.socket.clone(), verb.session).await;
    served.map_err(|why| Error::failed(format!("the tunnel ended: {why}")))?;
    Ok(Exit::Done)
}
