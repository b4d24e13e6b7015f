//! One machine as the resources on it see it: how to reach it, whether it is ready, what it is like.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::OnceCell;

use crate::desired;
use crate::host::Hosts;
use crate::host::facts::{self, Facts};
use crate::id::{Name, ResourceId};
use crate::provider::output;
use crate::resource::{Context, Failure};
use crate::transport::ssh::{Endpoint, Held, Identity, Key};
use crate::transport::{Command, Error, Lines, Output, Transport};
use crate::value::Value;

/// The attribute of the `host` resource that says whether its children can be asked.
pub(crate) const READY: &str = "ready";

/// How long the engine may take to answer one question, on hardware.
const ANSWER: Duration = Duration::from_secs(20);

type Gathered = Arc<OnceCell<Result<Arc<Facts>, String>>>;

/// Shared by the resources of one machine.
pub(crate) struct Reach {
    pub(crate) name: Name,
    /// The `host` resource.
    pub(crate) id: ResourceId,
    /// The provider's resource, whose outputs say where the machine answers.
    pub(crate) machine: ResourceId,
    ssh: desired::Ssh,
    hosts: Arc<Hosts>,
    facts: Mutex<Gathered>,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reach({})", self.id)
    }
}

impl Reach {
    pub(crate) fn new(machine: &desired::Machine, resource: &ResourceId, hosts: &Arc<Hosts>) -> Self {
        Self {
            name: machine.name.clone(),
            id: ResourceId::new(crate::host::ready::KIND, &machine.name),
            machine: resource.clone(),
            ssh: machine.ssh.clone(),
            hosts: Arc::clone(hosts),
            facts: Mutex::default(),
        }
    }

    /// The resource that shows the project's key.
    pub(crate) fn key(&self) -> &ResourceId {
        &self.hosts.key
    }

    /// A password that the machine is to know, or why it cannot be had.
    pub(crate) async fn password(&self, secret: &desired::Secret) -> Result<SecretString, String> {
        self.hosts.password(secret).await
    }

    /// Why nothing on the machine can be read now; `None` when it can.
    pub(crate) fn unready(&self, cx: &Context) -> Option<String> {
        if cx.output(&self.id, READY) == Some(Value::Bool(true)) {
            return None;
        }
        let stopped = self.power(cx).is_some_and(|power| power != "running");
        let why = if stopped { "is stopped" } else { "does not answer yet" };
        Some(format!("{} {why}", self.name))
    }

    /// How long the machine may take to answer, on hardware.
    pub(crate) fn wait(&self) -> Duration {
        self.ssh.wait
    }

    pub(crate) fn power(&self, cx: &Context) -> Option<String> {
        self.text(cx, output::POWER)
    }

    pub(crate) fn text(&self, cx: &Context, attribute: &str) -> Option<String> {
        cx.output(&self.machine, attribute)?.as_str().map(str::to_owned)
    }

    /// A time that holds on hardware, as long as it takes here.
    pub(crate) fn patiently(&self, cx: &Context, time: Duration) -> Duration {
        let patience = cx.output(&self.machine, output::PATIENCE).and_then(|v| v.as_f64()).unwrap_or(1.0);
        time.mul_f64(patience.clamp(1.0, 100.0))
    }

    pub(crate) fn transport(&self, cx: &Context) -> Result<Arc<dyn Transport>, Failure> {
        self.endpoint(cx).map(|endpoint| (self.hosts.dial)(endpoint))
    }

    pub(crate) fn endpoint(&self, cx: &Context) -> Result<Endpoint, Failure> {
        let known = |attribute| {
            self.text(cx, attribute)
                .ok_or_else(|| Failure::new(format!("{} does not say its `{attribute}` yet", self.machine)))
        };
        let project_key = || self.hosts.keyring.private_key().map_or(Key::Missing, |key| Key::Held(Held::new(key)));
        let key = self.ssh.identity.clone().map_or_else(project_key, Key::File);
        Ok(Endpoint {
            address: known(output::SSH)?,
            user: self.ssh.user.to_string(),
            host_key: known(output::HOST_KEY)?,
            identity: Identity { key, agent: self.ssh.agent },
        })
    }

    /// Runs a command there, in the time given on hardware; output lines become progress. A request to stop does not
    /// cut it: what has begun is finished.
    pub(crate) async fn run(&self, cx: &Context, command: Command) -> Result<Output, Failure> {
        self.run_telling(cx, command, &mut |line| cx.progress.say(line.trim())).await
    }

    pub(crate) async fn run_quietly(&self, cx: &Context, command: Command) -> Result<Output, Failure> {
        self.run_telling(cx, command, &mut |_| ()).await
    }

    /// Runs a command over a connection of its own, made for it.
    pub(crate) async fn run_anew(&self, cx: &Context, command: Command) -> Result<Output, Failure> {
        self.transport(cx)?.renew().await;
        self.run_quietly(cx, command).await
    }

    /// Runs a command that changes nothing.
    pub(crate) async fn look(&self, cx: &Context, command: Command) -> Result<Output, Failure> {
        self.exchange(cx, command, &mut |_| ()).await
    }

    /// Whatever happened, what was gathered until now no longer counts: a look of another resource may have fallen into
    /// the middle of the change.
    async fn run_telling(&self, cx: &Context, command: Command, line: &mut Lines<'_>) -> Result<Output, Failure> {
        let outcome = self.exchange(cx, command, line).await;
        self.forget();
        outcome
    }

    async fn exchange(&self, cx: &Context, command: Command, line: &mut Lines<'_>) -> Result<Output, Failure> {
        let transport = self.transport(cx)?;
        let limit = self.patiently(cx, command.timeout);
        let command = command.timeout(limit);
        transport.stream(&command, line).await.map_err(|error| failure(&error))
    }

    /// What the machine is like, asked once until a command was run there or [`Reach::forget`] called.
    pub(crate) async fn facts(&self, cx: &Context) -> Result<Arc<Facts>, String> {
        if let Some(why) = self.unready(cx) {
            return Err(why);
        }
        let gathered = Arc::clone(&*self.facts.lock().expect("no holder panics"));
        gathered.get_or_init(|| self.gather(cx)).await.clone()
    }

    /// Forgets what was gathered: the next question is asked anew.
    pub(crate) fn forget(&self) {
        *self.facts.lock().expect("no holder panics") = Gathered::default();
    }

    async fn gather(&self, cx: &Context) -> Result<Arc<Facts>, String> {
        let answer = self.patiently(cx, ANSWER).as_secs().to_string();
        let command = Command::script(facts::SCRIPT, [answer]).timeout(3 * ANSWER);
        let output = self.exchange(cx, command, &mut |_| ()).await.map_err(|failure| failure.message)?;
        if !output.success() {
            return Err(format!("{} could not be looked at: {}", self.name, output.stderr.trim()));
        }
        let facts = Facts::parse(&output.stdout);
        self.hosts.drives.saw(&self.name, &facts.drives);
        Ok(Arc::new(facts))
    }
}

/// In words for the user; what may pass is marked so.
pub(crate) fn failure(error: &Error) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        Error::HostKey { .. } => {
            failure.hint("someone else answers at this address, or the machine was made anew by hand")
        }
        Error::Denied { .. } => failure.hint("set `ssh.identity` or `ssh.agent`, or put the project's key back"),
        Error::Unreachable { .. } | Error::Lost { .. } => failure.retry(None),
        Error::Timeout { .. } | Error::Write { .. } => failure,
    }
}

pub(crate) fn stopped() -> Failure {
    Failure::new("stopped on request").hint("run the same command again to go on")
}
