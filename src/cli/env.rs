//! `machine env`: what makes the Docker client here talk to a machine's engine.

use rustix::process::{Pid, getppid, getsid, test_kill_process};

use super::address::{self, Address};
use super::args::{Env, Global};
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say};
use super::shell::{self, Settings};
use crate::host::{Errand, Passage};
use crate::id::Name;
use crate::transport::ssh::{Endpoint, Held, Identity, Key};

const HOST: &str = "DOCKER_HOST";
const MACHINE: &str = "DOCKER_MACHINE_NAME";
/// What would lead elsewhere, or there in another way.
const OTHERS: [&str; 3] = ["DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONTEXT"];

pub(super) async fn run(global: &Global, verb: &Env) -> Result<Exit, Error> {
    let settings = if verb.unset { unset(verb.no_proxy) } else { set(global, verb).await? };
    let command = std::env::args().collect::<Vec<_>>().join(" ");
    say(&settings.text(verb.shell.unwrap_or_else(shell::of_user), &command));
    Ok(Exit::Done)
}

fn unset(no_proxy: bool) -> Settings {
    let mut settings = Settings::default();
    for name in ["DOCKER_TLS_VERIFY", HOST, "DOCKER_CERT_PATH", MACHINE] {
        settings.forget(name);
    }
    if no_proxy {
        settings.forget(without_proxy().0);
    }
    settings
}

async fn set(global: &Global, verb: &Env) -> Result<Settings, Error> {
    let project = Project::load(global).await?;
    let name = chosen(&project, verb.name.as_deref())?;
    let machine = &project.desired.machines[&name];
    if machine.engine.is_none() {
        return Err(Error::failed(format!("{name} has no engine")).hint(format!("it is switched off: {}", machine.at)));
    }
    let address = Address::of(&project, &name).await?;
    let key = if let Some(file) = &machine.ssh.identity {
        Key::File(file.clone())
    } else {
        project.keyring.export().await.map_err(Error::failed)?;
        project.keyring.private_key().map_or(Key::Missing, |key| Key::Held(Held::new(key)))
    };
    let endpoint = Endpoint {
        address: format!("{}:{}", address.host, address.port),
        user: machine.ssh.user.to_string(),
        host_key: address.host_key,
        identity: Identity { key, agent: machine.ssh.agent },
    };
    // Where contexts are kept up there is a tunnel that stays; else it is this session's and ends with it.
    let session = (!project.desired.contexts).then(session).flatten();
    let passage = Passage::of(&project.dirs, project.owner(), &name, session);
    passage.open(&Errand { machine: name.to_string(), endpoint }).await?;

    let mut settings = Settings::default();
    settings.set(HOST, passage.host());
    settings.set(MACHINE, name.as_str());
    OTHERS.into_iter().filter(|name| std::env::var_os(name).is_some()).for_each(|name| settings.forget(name));
    if verb.no_proxy {
        let (variable, known) = without_proxy();
        let all = known.split(',').filter(|part| !part.is_empty() && *part != address.host);
        settings.set(variable, all.chain([address.host.as_str()]).collect::<Vec<_>>().join(","));
    }
    Ok(settings)
}

fn chosen(project: &Project, name: Option<&str>) -> Result<Name, Error> {
    if let Some(name) = name {
        return address::one(project, name);
    }
    let machines = project.desired.machines.values().filter(|machine| machine.engine.is_some());
    match &machines.map(|machine| machine.name.clone()).collect::<Vec<_>>()[..] {
        [one] => Ok(one.clone()),
        [] => Err(Error::failed("no machine has an engine")),
        several => {
            let names: Vec<_> = several.iter().map(Name::as_str).collect();
            Err(Error::usage("which machine?").hint(format!("one of {}", names.join(", "))))
        }
    }
}

/// What a tunnel of ours ends with: the terminal's session, or the shell itself where that has no living leader.
fn session() -> Option<Pid> {
    let lives = |pid: &Pid| test_kill_process(*pid).is_ok();
    getsid(None).ok().filter(lives).or_else(|| getppid().filter(lives))
}

/// The variable that is read first by most programs, in the case in which it is written, and what it says.
fn without_proxy() -> (&'static str, String) {
    let said = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    match said("no_proxy") {
        Some(value) => ("no_proxy", value),
        None => ("NO_PROXY", said("NO_PROXY").unwrap_or_default()),
    }
}
