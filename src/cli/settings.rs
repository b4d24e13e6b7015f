//! Variables that stand for flags.

use std::ffi::OsStr;

use clap::Command;
use clap::parser::ValueSource;

use super::args::Global;
use crate::config::{self, Environment};
use crate::note::nearest;

/// What the variables of flags begin with; those of settings go on with another `_`.
const PREFIX: &str = "MACHINE_";

/// Read beside those of flags.
pub(super) const SYSTEM: [(&str, &str); 23] = [
    ("HOME", "what ~/ means"),
    ("USER", "who holds a lock"),
    ("LOGNAME", "the same, where USER is not set"),
    ("MACHINE_GLOBAL_CONFIG", "the folder of the computer's settings, instead of /etc/machine"),
    ("MACHINE_AGE_IDENTITY", "an age identity that opens the project's secrets"),
    ("MACHINE_AGE_IDENTITY_FILE", "a file of such identities"),
    ("SOPS_AGE_KEY", "the same as MACHINE_AGE_IDENTITY, by the name that sops reads"),
    ("SOPS_AGE_KEY_FILE", "the same as MACHINE_AGE_IDENTITY_FILE, by the name that sops reads"),
    ("PGPASSWORD", "the password of the store's database"),
    ("DOCKER_HOST", "the engine of driver docker, where it is on this computer"),
    ("XDG_CONFIG_HOME", "the user's settings"),
    ("XDG_STATE_HOME", "journals, records, keys"),
    ("XDG_DATA_HOME", "virtual machines"),
    ("XDG_CACHE_HOME", "images"),
    ("XDG_RUNTIME_DIR", "sockets"),
    ("SSH_AUTH_SOCK", "the SSH agent, where ssh.agent is on"),
    ("HTTP_PROXY", "the proxy for http addresses"),
    ("HTTPS_PROXY", "the proxy for https addresses"),
    ("NO_PROXY", "hosts that are asked without a proxy"),
    ("NO_COLOR", "no colours"),
    ("CLICOLOR_FORCE", "colours although it is no terminal"),
    ("TERM", "no colours where it is dumb"),
    ("PATH", "where programs are found"),
];

/// The command line without the variables that are empty: they say nothing.
pub(super) fn without_empty(command: Command) -> Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let command =
        command.mut_args(
            |argument| {
                if argument.get_env().is_some_and(is_empty) { argument.env(None::<&str>) } else { argument }
            },
        );
    command.mut_subcommands(without_empty)
}

/// What was typed wins over what a variable says, also where the two are of different flags.
pub(super) fn settle(global: &mut Global, matches: &clap::ArgMatches) {
    let typed = matches.value_source("drives") == Some(ValueSource::CommandLine);
    if typed && matches.value_source("no_drives") == Some(ValueSource::EnvVariable) {
        global.no_drives = false;
    }
}

/// The variables of flags, with the flags; of hidden commands none.
pub(super) fn of_flags(command: &Command) -> Vec<(String, String)> {
    let flag = |argument: &clap::Arg| Some((argument.get_env()?.to_str()?.to_owned(), argument.get_long()?.to_owned()));
    let commands = std::iter::once(command).chain(command.get_subcommands().filter(|verb| !verb.is_hide_set()));
    let mut flags: Vec<_> = commands.flat_map(Command::get_arguments).filter_map(flag).collect();
    flags.sort();
    flags.dedup();
    flags
}

/// Variables that look like ours and are none, each with the one that may be meant.
pub(super) fn misspelt(command: &Command, environment: &Environment) -> Vec<(String, String)> {
    let flags = of_flags(command);
    let names = flags.iter().map(|(name, _)| name.as_str()).chain(SYSTEM.iter().map(|(name, _)| *name));
    let known: Vec<_> = names.filter_map(|name| name.strip_prefix(PREFIX)).collect();
    let ours = |(name, value): &(&String, &String)| !value.is_empty() && !name.starts_with(config::PREFIX);
    let meant = |(name, _): (&String, &String)| {
        let spelt = name.strip_prefix(PREFIX).filter(|spelt| !known.contains(spelt))?;
        Some((name.clone(), format!("{PREFIX}{}", nearest(spelt, known.iter().copied())?)))
    };
    environment.iter().filter(ours).filter_map(meant).collect()
}
