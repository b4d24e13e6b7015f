//! Where a machine answers from here.

use super::error::Error;
use super::project::Project;
use crate::id::Name;
use crate::provider::output;
use crate::reconcile::look_at;
use crate::resource::Observation;
use crate::value::plain;

/// Of a machine that runs.
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: String,
    /// Its public host key, `ssh-ed25519 AAAA…`.
    pub(super) host_key: String,
}

impl Address {
    /// Looks at the machine alone. The error says what to do about one that is not there or does not run.
    pub(super) async fn of(project: &Project, name: &Name) -> Result<Self, Error> {
        let cx = project.context(super::interrupt::token());
        let attributes = match look_at(&project.catalog, name, &cx).await {
            Some(Observation::Present(attributes)) => attributes,
            Some(Observation::Unreadable(why)) => return Err(Error::failed(format!("{name} cannot be read: {why}"))),
            Some(Observation::Absent) | None => {
                let again = project.command("up");
                return Err(Error::failed(format!("{name} does not exist")).hint(format!("make it: {again}")));
            }
        };
        let text = |key: &str| attributes.get(key).map(plain).unwrap_or_default();
        if text(output::POWER) != "running" {
            return Err(Error::failed(format!("{name} is stopped"))
                .hint(format!("start it: {}", project.command(&format!("start {name}")))));
        }
        let Some((host, port)) = text(output::SSH).rsplit_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())) else {
            return Err(Error::failed(format!("{name} cannot be reached by SSH")));
        };
        Ok(Self { host, port, host_key: text(output::HOST_KEY) })
    }
}

/// The one machine that a name means.
pub(super) fn one(project: &Project, name: &str) -> Result<Name, Error> {
    let names = project.machines_named(&[name.to_owned()])?;
    match names.as_slice() {
        [one] => Ok(one.clone()),
        several => {
            let all: Vec<_> = several.iter().map(ToString::to_string).collect();
            Err(Error::usage(format!("`{name}` is several machines")).hint(format!("one of {}", all.join(", "))))
        }
    }
}
