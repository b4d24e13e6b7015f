//! The command line: arguments in, exit code out. Thin callers of `reconcile`.

mod address;
mod args;
mod attached;
mod audit;
mod claim;
mod consent;
mod destroy;
mod elsewhere;
mod env;
mod error;
mod exit_code;
mod forget;
mod graph;
mod import;
mod init;
mod interrupt;
mod list;
mod plan;
mod power;
mod project;
mod prompt;
mod refresh;
mod run;
mod saved;
mod schema;
mod settings;
mod shell;
mod ssh;
mod status;
mod switch;
mod terminal;
mod tunnel;
mod up;
mod validate;
mod version;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use args::{Args, Verb};
use error::Error;
use exit_code::Exit;

/// Runs one command. Everything it has to say is said when it returns.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match parse(arguments) {
        Ok(args) => args,
        Err(refusal) => {
            _ = refusal.print();
            return if refusal.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => return Error::failed(format!("cannot start: {why}")).tell(&args.global),
    };
    match runtime.block_on(dispatch(&args)) {
        Ok(exit) => exit.into(),
        Err(error) => error.tell(&args.global),
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
    let mut command = settings::without_empty(Args::command());
    let matches = command.try_get_matches_from_mut(arguments)?;
    let mut args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    settings::settle(&mut args.global, &matches);
    Ok(args)
}

async fn dispatch(args: &Args) -> Result<Exit, Error> {
    let global = &args.global;
    match &args.verb {
        Verb::Init(verb) => init::run(verb),
        Verb::Validate => validate::run(global).await,
        Verb::Audit(verb) => audit::run(global, verb).await,
        Verb::Plan(verb) => plan::run(global, verb).await,
        Verb::Up(verb) => up::run(global, verb).await,
        Verb::Destroy(verb) => destroy::run(global, verb).await,
        Verb::Import(verb) => import::run(global, verb).await,
        Verb::Forget(verb) => forget::run(global, verb).await,
        Verb::List(verb) => list::run(global, verb).await,
        Verb::Status(verb) => status::run(global, verb).await,
        Verb::Env(verb) => env::run(global, verb).await,
        Verb::Ssh(verb) => ssh::run(global, verb).await,
        Verb::Start(names) => power::run(global, names, crate::provider::Power::Start).await,
        Verb::Stop(names) => power::run(global, names, crate::provider::Power::Stop).await,
        Verb::Kill(names) => power::run(global, names, crate::provider::Power::Kill).await,
        Verb::Restart(names) => power::run(global, names, crate::provider::Power::Restart).await,
        Verb::Graph(verb) => graph::run(global, verb).await,
        Verb::Schema(verb) => Ok(schema::run(verb)),
        Verb::Version(verb) => Ok(version::run(verb)),
        Verb::DockerTunnel(verb) => tunnel::run(verb).await,
        Verb::QemuSwitch(verb) => switch::run(verb).await,
    }
}
