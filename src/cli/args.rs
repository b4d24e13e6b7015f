//! What can be typed. The doc comments are the manual.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};

use crate::config;
use crate::desired::quantity;
use crate::plan::Allowed;
use crate::selection::Pattern;

/// Machines, Docker Engines and compose projects from one checked-in Machinefile.
///
/// Exit status: 0 done or nothing to do, 1 failed, 2 changes pending (with --detailed-exitcode), 64 wrong usage,
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "machine", version, max_term_width = 100, propagate_version = false)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Arguments)]
pub(super) struct Global {
    /// The Machinefile; may be repeated, later ones win; `-` is standard input
    ///
    /// Without it, Machinefile, Machinefile.yaml, Machinefile.yml or Machinefile.toml in this folder or a parent.
    #[arg(short, long = "file", global = true, env = "MACHINE_FILE", value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Where more settings are: an http, https or file address; `#sha256=…` pins what it gives
    #[arg(long, global = true, env = "MACHINE_CLOUD_INIT_URL", value_name = "URL")]
    pub(super) cloud_init_url: Option<String>,
    /// Where to look for filesystems labelled CLOUD-INIT: devices, images and folders of them, with `:` between them
    ///
    /// Without it, all block devices of this computer.
    #[arg(long, global = true, env = "MACHINE_DRIVES", value_name = "PATHS")]
    pub(super) drives: Option<OsString>,
    /// Do not look for CLOUD-INIT drives
    #[arg(long, global = true, env = "MACHINE_NO_DRIVES", value_parser = FalseyValueParser::new())]
    pub(super) no_drives: bool,
    /// Switch on a profile of the Machinefile; may be repeated, later ones win
    #[arg(long = "profile", global = true, env = "MACHINE_PROFILE", value_name = "NAME", value_delimiter = ',')]
    pub(super) profiles: Vec<String>,
    /// Set one thing over all files, as in machines.web.resources.ram=4; may be repeated
    ///
    /// A variable does it too: MACHINE__MACHINES__WEB__RESOURCES__RAM=4.
    #[arg(long, global = true, value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
    /// Leave out what files and variables say at a path, as in machines.*.ports; may be repeated
    #[arg(long, global = true, env = "MACHINE_EXCLUDE_PATH", value_name = "PATH", value_delimiter = ',')]
    pub(super) exclude_path: Vec<String>,
    /// Leave out a layer; may be repeated
    #[arg(long, global = true, env = "MACHINE_EXCLUDE_LAYER", value_name = "LAYER", value_delimiter = ',')]
    pub(super) exclude_layer: Vec<config::Layer>,
    /// Overrides the project's name
    #[arg(short, long, global = true, env = "MACHINE_PROJECT_NAME", value_name = "NAME")]
    pub(super) project_name: Option<String>,
    /// How progress is shown
    #[arg(long, global = true, env = "MACHINE_PROGRESS", default_value = "auto")]
    pub(super) progress: Progress,
    /// When to colour; NO_COLOR and TERM=dumb count too
    #[arg(long, global = true, env = "MACHINE_COLOR", default_value = "auto")]
    pub(super) color: Color,
    /// How many operations run at once
    #[arg(long, global = true, env = "MACHINE_PARALLEL", default_value_t = 16, value_parser = operations, value_name = "N")]
    pub(super) parallel: u16,
    /// Wait this long while another run is changing the project: `30s`, `10m`
    #[arg(long, global = true, env = "MACHINE_LOCK_WAIT", default_value = "0s", value_parser = duration, value_name = "DURATION")]
    pub(super) lock_wait: Duration,
    /// Keep records and secrets in this database: `postgres://user@host/database`
    ///
    /// A password that is not in it is taken from PGPASSWORD.
    #[arg(long, global = true, env = "MACHINE_STORE", hide_env_values = true, value_name = "URL")]
    pub(super) store: Option<String>,
}

fn operations(text: &str) -> Result<u16, &'static str> {
    let n = text.parse().map_err(|_| "a whole number of operations, at most 65535")?;
    if n == 0 { Err("nothing would ever run: 1 does one thing after another") } else { Ok(n) }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    quantity::duration(text).ok_or("a duration is a whole number and a unit: `30s`, `3m`, `1h`")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Progress {
    /// `tty` on a terminal, `plain` elsewhere
    Auto,
    /// A redrawn line per running resource
    Tty,
    /// One line per change of state
    Plain,
    /// One JSON object per line
    Json,
    /// Failures only
    Quiet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Write a commented Machinefile to start from
    Init(Init),
    /// Check the Machinefile without contacting anything
    Validate,
    /// Show what the settings come to, where each is from, and whether the world is so
    ///
    /// Exit status: 0 clean, 2 findings, 1 error.
    Audit(Audit),
    /// Show what would change, why, and what it disturbs
    Plan(Plan),
    /// Make it so
    #[command(alias = "apply")]
    Up(Up),
    /// Delete everything of this project
    #[command(alias = "down")]
    Destroy(Destroy),
    /// Take over something that exists already as a machine of this project
    Import(Import),
    /// Let a machine go without touching it: our label and records of it go
    Forget(Forget),
    /// List the machines
    #[command(name = "ls", alias = "list")]
    List(List),
    /// Show how every resource is
    Status(Status),
    /// Print the settings that make `docker` talk to a machine's engine: eval "$(machine env web)"
    Env(Env),
    /// Open a shell on a machine, or run a command there
    Ssh(Ssh),
    /// Start machines
    Start(Names),
    /// Stop machines: ask the guest, then take the power away
    Stop(Names),
    /// Take machines' power away
    Kill(Names),
    /// Stop and start machines
    Restart(Names),
    /// Print the resources and how they hang together
    Graph(Graph),
    /// Print the JSON Schema of the Machinefile, or of `plan -o json`
    Schema(Schema),
    /// Print the version
    Version(Version),
    /// What a socket on this computer says to a machine's engine; started by `env` and `up`
    #[command(hide = true)]
    DockerTunnel(Tunnel),
    /// The segment between a project's virtual machines; started by `up`
    #[command(hide = true)]
    QemuSwitch(Switch),
}

#[derive(Debug, Arguments)]
pub(super) struct Init {
    /// The project's name; this folder's without it
    #[arg(long, env = "MACHINE_NAME")]
    pub(super) name: Option<String>,
    /// Where to write it
    #[arg(default_value = "Machinefile.yaml")]
    pub(super) path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[value(alias = "table")]
    Text,
    /// For programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people
    #[value(alias = "table")]
    Text,
    /// For programs, format 1; `machine schema plan` describes it
    Json,
    /// For pull requests
    #[value(alias = "md")]
    Markdown,
}

/// Which part of the project a command keeps to.
#[derive(Debug, Default, Arguments)]
pub(super) struct Select {
    /// Keep to this machine or resource and what it needs; may be repeated
    ///
    /// A machine's name (a counted one's means its members), a resource's id such as qemu.disk/web.data, either with `*`
    /// and `?`, or tag:KEY[=VALUE].
    #[arg(long, value_name = "NAME", env = "MACHINE_TARGET", value_delimiter = ',')]
    pub(super) target: Vec<String>,
    /// Leave this machine or resource alone, and what depends on it; may be repeated
    #[arg(long, value_name = "NAME", env = "MACHINE_EXCLUDE", value_delimiter = ',')]
    pub(super) exclude: Vec<String>,
}

#[derive(Debug, Arguments)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag to be typed")]
pub(super) struct Audit {
    /// Print the synthesized configuration, as it can be loaded again
    #[arg(long, env = "MACHINE_DUMP_CONFIG", value_parser = FalseyValueParser::new())]
    pub(super) dump_config: bool,
    /// The same with layer, file and line of every value
    #[arg(long, env = "MACHINE_ORIGINS", value_parser = FalseyValueParser::new())]
    pub(super) origins: bool,
    /// How to print it; yaml where a configuration is printed
    #[arg(short, long, env = "MACHINE_OUTPUT")]
    pub(super) output: Option<Notation>,
    /// Show what a layer changes
    #[arg(long, value_name = "LAYER", env = "MACHINE_DIFF", conflicts_with_all = ["dump_config", "origins"])]
    pub(super) diff: Option<config::Layer>,
    /// Show every text that says something at a path, as in machines.web.resources.ram
    #[arg(long, value_name = "PATH", env = "MACHINE_WHY", conflicts_with_all = ["dump_config", "origins", "diff"])]
    pub(super) why: Option<String>,
    /// List every variable that is read
    #[arg(long, env = "MACHINE_ENVIRONMENT", value_parser = FalseyValueParser::new(), conflicts_with_all = ["dump_config", "origins", "diff", "why"])]
    pub(super) environment: bool,
    /// Show secrets that are written out
    #[arg(long, env = "MACHINE_SHOW_SECRETS", value_parser = FalseyValueParser::new())]
    pub(super) show_secrets: bool,
}

/// The form of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Notation {
    /// For people
    #[value(alias = "table")]
    Text,
    Yaml,
    Json,
    Toml,
}

#[derive(Debug, Arguments)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is there or not")]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) select: Select,
    #[arg(short, long, default_value = "text", env = "MACHINE_OUTPUT")]
    pub(super) output: Form,
    /// Show the values of new things too
    #[arg(long, env = "MACHINE_LONG", value_parser = FalseyValueParser::new())]
    pub(super) long: bool,
    /// Write the plan to a file too, for `machine apply FILE`
    #[arg(long, value_name = "FILE", env = "MACHINE_OUT")]
    pub(super) out: Option<PathBuf>,
    /// Plan the end: what `machine destroy` would delete
    #[arg(long, conflicts_with = "refresh_only")]
    pub(super) destroy: bool,
    /// Show only what was changed without us: what is there against what we recorded
    #[arg(long, env = "MACHINE_REFRESH_ONLY", value_parser = FalseyValueParser::new(), conflicts_with_all = ["out", "target", "exclude"])]
    pub(super) refresh_only: bool,
    #[command(flatten)]
    pub(super) allow: Allow,
    /// Exit with 2 when there is something to do
    #[arg(long, env = "MACHINE_DETAILED_EXITCODE", value_parser = FalseyValueParser::new())]
    pub(super) detailed_exitcode: bool,
}

/// What may be lost, by name; a saved plan keeps it.
#[derive(Debug, Arguments)]
pub(super) struct Allow {
    /// Let this machine or resource be replaced; may be repeated
    ///
    /// A counted machine's name means all its members.
    #[arg(long, value_name = "NAME", env = "MACHINE_ALLOW_REPLACE", value_delimiter = ',', value_parser = named)]
    pub(super) allow_replace: Vec<Pattern>,
    /// Let this machine or resource be deleted, even when it is protected; may be repeated
    #[arg(long, value_name = "NAME", env = "MACHINE_ALLOW_DESTROY", value_delimiter = ',', value_parser = named)]
    pub(super) allow_destroy: Vec<Pattern>,
}

impl Allow {
    pub(super) fn allowed(&self) -> Allowed {
        Allowed { replace: self.allow_replace.clone(), destroy: self.allow_destroy.clone() }
    }
}

/// What may be lost is said by its name: a tag would let go whatever carries it by then.
fn named(text: &str) -> Result<Pattern, String> {
    let pattern = Pattern::parse(text).map_err(|error| error.to_string())?;
    if pattern.is_tag() {
        Err("a loss is allowed by the name of a machine, not by a tag".to_owned())
    } else {
        Ok(pattern)
    }
}

#[derive(Debug, Arguments)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is there or not")]
pub(super) struct Up {
    /// A plan that `machine plan --out` wrote: it is carried out as it stands, or refused when it no longer holds
    #[arg(conflicts_with_all = ["target", "exclude"])]
    pub(super) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(super) select: Select,
    /// Change nothing but our records, which then follow what is there
    #[arg(long, env = "MACHINE_REFRESH_ONLY", value_parser = FalseyValueParser::new(),
        conflicts_with_all = ["plan", "dry_run", "target", "exclude"])]
    pub(super) refresh_only: bool,
    /// Go on: look again after so many seconds, and put right what can be put right without asking
    #[arg(long, value_name = "SECONDS", env = "MACHINE_WATCH", value_parser = clap::value_parser!(u64).range(1..=86400),
        conflicts_with_all = ["plan", "dry_run", "refresh_only"])]
    pub(super) watch: Option<u64>,
    /// Do not ask, except for what loses data
    #[arg(short, long, env = "MACHINE_YES", value_parser = FalseyValueParser::new())]
    pub(super) yes: bool,
    /// Stop after the plan
    #[arg(long, env = "MACHINE_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) allow: Allow,
    /// When more machines than this would go at once, the flags above have to name them: no typed answer will do
    #[arg(long, value_name = "N", env = "MACHINE_MAX_LOST", default_value_t = crate::plan::MOST)]
    pub(super) max_lost: usize,
    /// Exit with 2 when `--dry-run` finds something to do
    #[arg(long, env = "MACHINE_DETAILED_EXITCODE", value_parser = FalseyValueParser::new())]
    pub(super) detailed_exitcode: bool,
}

#[derive(Debug, Arguments)]
pub(super) struct Destroy {
    #[command(flatten)]
    pub(super) select: Select,
    /// Let this machine or resource be deleted although it is protected; may be repeated
    #[arg(long = "allow-destroy", value_name = "NAME", env = "MACHINE_ALLOW_DESTROY", value_delimiter = ',', value_parser = named)]
    pub(super) unprotected: Vec<Pattern>,
    /// Do not ask
    #[arg(short, long, env = "MACHINE_YES", value_parser = FalseyValueParser::new())]
    pub(super) yes: bool,
    /// Stop after the plan
    #[arg(long, env = "MACHINE_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub(super) dry_run: bool,
}

#[derive(Debug, Arguments)]
pub(super) struct Import {
    /// The machine it is to be, as it stands in the Machinefile: machines.web
    pub(super) resource: String,
    /// What the provider calls it
    #[arg(value_name = "ID")]
    pub(super) object: String,
    /// Take it away from the project whose label it carries
    #[arg(long)]
    pub(super) from_project: bool,
    /// Do not ask
    #[arg(short, long, env = "MACHINE_YES", value_parser = FalseyValueParser::new())]
    pub(super) yes: bool,
}

#[derive(Debug, Arguments)]
pub(super) struct Forget {
    /// The machine: machines.web
    pub(super) resource: String,
    /// Even though it is in the Machinefile, where the next plan would make another one
    #[arg(long)]
    pub(super) still_declared: bool,
    /// Do not ask
    #[arg(short, long, env = "MACHINE_YES", value_parser = FalseyValueParser::new())]
    pub(super) yes: bool,
}

#[derive(Debug, Arguments)]
pub(super) struct List {
    #[arg(short, long, default_value = "text", env = "MACHINE_OUTPUT")]
    pub(super) output: Output,
    /// Names only
    #[arg(short, long, env = "MACHINE_QUIET", value_parser = FalseyValueParser::new())]
    pub(super) quiet: bool,
}

#[derive(Debug, Arguments)]
pub(super) struct Status {
    #[arg(short, long, default_value = "text", env = "MACHINE_OUTPUT")]
    pub(super) output: Output,
}

#[derive(Debug, Arguments)]
pub(super) struct Ssh {
    /// The machine
    pub(super) name: String,
    /// The command and its arguments; a shell without
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<String>,
}

#[derive(Debug, Arguments)]
pub(super) struct Names {
    /// The machines; a counted machine's name means all its members
    #[arg(required = true)]
    pub(super) names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    Tree,
    Dot,
    Mermaid,
    Json,
}

#[derive(Debug, Arguments)]
pub(super) struct Graph {
    #[arg(long, short = 'o', default_value = "tree", env = "MACHINE_GRAPH_FORMAT")]
    pub(super) format: GraphFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Described {
    Machinefile,
    Plan,
}

#[derive(Debug, Arguments)]
pub(super) struct Schema {
    #[arg(default_value = "machinefile")]
    pub(super) of: Described,
}

#[derive(Debug, Arguments)]
pub(super) struct Version {
    #[arg(short, long, default_value = "text", env = "MACHINE_OUTPUT")]
    pub(super) output: Output,
}

#[derive(Debug, Arguments)]
pub(super) struct Switch {
    #[arg(long)]
    pub(super) dir: PathBuf,
}

#[derive(Debug, Arguments)]
pub(super) struct Tunnel {
    #[arg(long)]
    pub(super) socket: PathBuf,
    #[arg(long)]
    pub(super) session: Option<i32>,
}

#[derive(Debug, Arguments)]
pub(super) struct Env {
    /// The machine; not needed where there is only one with an engine
    pub(super) name: Option<String>,
    /// Whose syntax to print; your own shell's unless given
    #[arg(long, value_name = "SHELL")]
    pub(super) shell: Option<Shell>,
    /// Print what takes the settings back
    #[arg(short, long, conflicts_with = "name")]
    pub(super) unset: bool,
    /// Add the machine's address to what is reached without a proxy
    #[arg(long)]
    pub(super) no_proxy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// bash, zsh and the others that POSIX describes
    #[value(aliases = ["bash", "zsh", "dash", "ksh", "ash"])]
    Sh,
    Fish,
    #[value(alias = "pwsh")]
    Powershell,
    Cmd,
    #[value(alias = "csh")]
    Tcsh,
    Emacs,
}
