//! The `host` resource: the machine answers SSH and cloud-init is done.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::attributes;
use crate::cloud_init::drive::LABEL;
use crate::host::cloud_init::{self, Status};
use crate::host::contents::Contents;
use crate::host::reach::{self, Reach};
use crate::id::{Kind, ResourceId};
use crate::provider::output;
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, Source};
use crate::transport::{Command, Error};
use crate::value::{Attributes, Value};

pub(crate) const KIND: Kind = "host";

/// What remarks about drives are about.
const DRIVES: &str = "drives";

/// One look, on hardware; a closed port answers at once, a machine under way does not answer at all.
const LOOK: Duration = Duration::from_secs(5);
/// The same while there is nothing else to do than wait: a busy machine takes long for a login.
const LONG_LOOK: Duration = Duration::from_secs(30);
/// For cloud-init from then on: packages may be installed.
const SETTLE: Duration = Duration::from_mins(15);
const PAUSE: Duration = Duration::from_secs(1);

/// What one attempt to talk to the machine found.
enum Look {
    Ready(Attributes),
    /// Not yet, for this reason.
    Waiting(Waiting),
    /// cloud-init ended with these errors.
    Broken(Vec<String>),
    /// Waiting does not help.
    Refused(Error),
}

enum Waiting {
    Silent(String),
    CloudInit(String),
}

#[derive(Debug)]
pub(crate) struct Ready {
    reach: Arc<Reach>,
    parents: Vec<Parent>,
    desired: Attributes,
    contents: Contents,
    /// Disks of the machine's that hold settings, as far as that can be told from here.
    drives: Vec<String>,
}

impl Ready {
    pub(crate) fn new(reach: &Arc<Reach>, key: &ResourceId, drives: Vec<String>) -> Self {
        Self {
            drives,
            parents: vec![Parent::within(reach.machine.clone()), Parent::after(key.clone())],
            desired: attributes! { "ready": true },
            contents: Contents::new(reach),
            reach: Arc::clone(reach),
        }
    }

    async fn look(&self, cx: &Context, limit: Duration) -> Result<Look, Failure> {
        let script = format!(". /etc/os-release; echo \"$ID $VERSION_ID\"; uname -m\n{}", cloud_init::SCRIPT);
        let limit = self.reach.patiently(cx, limit);
        let command = Command::script(&script, [""; 0]).timeout(limit);
        let output = match self.reach.transport(cx)?.run(&command).await {
            Ok(output) => output,
            Err(error @ (Error::HostKey { .. } | Error::Denied { .. })) => return Ok(Look::Refused(error)),
            Err(error) => return Ok(Look::Waiting(Waiting::Silent(error.to_string()))),
        };
        if !output.success() {
            return Ok(Look::Waiting(Waiting::Silent(output.stderr.trim().to_owned())));
        }
        let mut lines = output.stdout.splitn(3, '\n');
        let (os, arch) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        Ok(match Status::parse(lines.next().unwrap_or_default()) {
            Status::Busy(stage) => Look::Waiting(Waiting::CloudInit(stage)),
            Status::Failed(errors) => Look::Broken(errors),
            Status::Done(warnings) => Look::Ready(ready(os.trim(), arch.trim(), &warnings)),
        })
    }

    async fn wait(&self, cx: &Context) -> Result<Attributes, Failure> {
        let start = Instant::now();
        let boot = start + self.reach.patiently(cx, self.reach.wait());
        let settle = boot + self.reach.patiently(cx, SETTLE);
        cx.progress.say("waiting for SSH");
        // A user account may appear only while cloud-init runs: being denied is waited out like silence.
        loop {
            let seconds = start.elapsed().as_secs();
            let (waiting, limit) = match self.look(cx, LONG_LOOK.min(self.reach.wait())).await? {
                Look::Ready(attributes) => return Ok(attributes),
                Look::Broken(errors) => return Err(broken(&errors)),
                Look::Refused(error @ Error::HostKey { .. }) => return Err(reach::failure(&error)),
                Look::Refused(error) => (Waiting::Silent(error.to_string()), boot),
                Look::Waiting(waiting @ Waiting::Silent(_)) => (waiting, boot),
                Look::Waiting(waiting @ Waiting::CloudInit(_)) => (waiting, settle),
            };
            if Instant::now() >= limit {
                return Err(self.too_late(cx, &waiting, seconds).await);
            }
            cx.progress.say(match &waiting {
                Waiting::Silent(_) => format!("waiting for SSH, {seconds} s"),
                Waiting::CloudInit(stage) => format!("waiting for cloud-init ({stage}), {seconds} s"),
            });
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = cx.cancel.cancelled() => return Err(reach::stopped()),
            }
        }
    }

    async fn too_late(&self, cx: &Context, waiting: &Waiting, seconds: u64) -> Failure {
        let console = self.reach.text(cx, output::CONSOLE);
        let said = match &console {
            Some(path) => {
                tokio::fs::read(path).await.map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
            }
            None => String::new(),
        };
        let failure = match waiting {
            Waiting::Silent(why) => Failure::new(format!("no SSH after {seconds} s: {why}")),
            Waiting::CloudInit(stage) => Failure::new(format!("cloud-init is not done after {seconds} s ({stage})")),
        };
        let failure = failure.detail(&said);
        match console {
            Some(path) => {
                failure.hint(format!("the machine's console is in {path}; run the same command again to wait longer"))
            }
            None => failure.hint("look at the machine's console; run the same command again to wait longer"),
        }
    }
}

fn ready(os: &str, arch: &str, warnings: &[String]) -> Attributes {
    let mut attributes = attributes! { "ready": true, "os": os, "arch": arch };
    if !warnings.is_empty() {
        attributes.insert("warnings".to_owned(), Value::from(warnings));
    }
    attributes
}

fn not_ready(why: impl Into<String>) -> Observation {
    Observation::Present(attributes! { "ready": false, "why": why.into() })
}

fn broken(errors: &[String]) -> Failure {
    Failure::new("cloud-init ended with errors")
        .detail(&errors.join("\n"))
        .hint("`/var/log/cloud-init-output.log` in the machine has the whole story; replace the machine once the cause is gone")
}

#[async_trait]
impl Resource for Ready {
    fn id(&self) -> &ResourceId {
        &self.reach.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn machine(&self) -> Option<&str> {
        Some(self.reach.name.as_str())
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["arch", "os"]
    }

    /// What stands there is read on the machine, whatever the file says now.
    fn remarks(&self) -> Vec<(&'static str, String)> {
        let unknown = |name: &String| (DRIVES, format!("settings on its {LABEL} drive `{name}` (known after apply)"));
        self.drives.iter().map(unknown).collect()
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, Some("waits until it answers".to_owned()))
    }

    fn contents(&self) -> Option<&dyn Source> {
        Some(&self.contents)
    }

    async fn read(&self, cx: &Context) -> Observation {
        self.reach.forget();
        if self.reach.power(cx).is_some_and(|power| power != "running") {
            return not_ready("stopped");
        }
        match self.look(cx, LOOK).await {
            Ok(Look::Ready(attributes)) => Observation::Present(attributes),
            Ok(Look::Waiting(Waiting::Silent(why))) => not_ready(why),
            Ok(Look::Waiting(Waiting::CloudInit(stage))) => not_ready(format!("cloud-init is at work ({stage})")),
            Ok(Look::Broken(errors)) => not_ready(format!("cloud-init: {}", errors.join("; "))),
            Ok(Look::Refused(error)) => Observation::Unreadable(error.to_string()),
            Err(failure) => not_ready(failure.message),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.reach.forget();
        self.wait(cx).await
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    /// It is the machine's own state and goes with it.
    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        Ok(())
    }
}
