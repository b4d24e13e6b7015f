//! Putting options and variables in force, so that a machine that can no longer be worked with goes back by itself.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep};

use crate::host::engine::merge::{Merge, Options};
use crate::host::engine::variables;
use crate::host::reach::Reach;
use crate::resource::{Context, Failure, Retry};
use crate::transport::{Command, Output, quote};

const APPLY: &str = concat!(include_str!("../lock.sh"), include_str!("shared.sh"), include_str!("apply.sh"));
const UNDO: &str = concat!(include_str!("../lock.sh"), include_str!("shared.sh"), include_str!("undo.sh"));
const CONFIRM: &str = concat!(include_str!("../lock.sh"), include_str!("shared.sh"), include_str!("confirm.sh"));

/// How long an engine may take to answer, on hardware.
const ANSWER: Duration = Duration::from_mins(1);
/// How long one attempt to reach the machine anew may take, on hardware.
const ATTEMPT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// Exit statuses of the scripts.
const REFUSED: i32 = 10;
const ROLLED_BACK: i32 = 11;
const TAKEN_BACK: i32 = 10;

/// What a change takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It is only to start with the machine.
    Enable,
    Reload,
    Restart,
}

impl How {
    const fn word(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Reload => "reload",
            Self::Restart => "restart",
        }
    }
}

/// One change of what an engine goes by.
#[derive(Debug)]
pub(super) struct Swap<'a> {
    pub(super) merge: Merge<'a>,
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) how: How,
}

impl Swap<'_> {
    /// Once it has begun the machine needs nobody: it keeps the change only when it is confirmed over a new connection.
    pub(super) async fn carry_out(&self, reach: &Reach, cx: &Context) -> Result<(), Failure> {
        cx.progress.say(match self.how {
            How::Enable => "enabling the engine",
            How::Reload => "reloading the engine",
            How::Restart => "restarting the engine",
        });
        let limit = reach.patiently(cx, ANSWER);
        let token = token(cx);
        let command = self.script(limit, &token).timeout(7 * ANSWER);
        // Begun again it would cut the connection again.
        let output = reach.run_quietly(cx, command).await.map_err(|failure| Failure {
            hint: Some(back_by_itself(limit)),
            retry: Retry::Never,
            ..failure
        })?;
        if !output.success() {
            return Err(self.refusal(&output));
        }
        if self.how == How::Enable { Ok(()) } else { confirm(reach, cx, limit, &token).await }
    }

    /// The script with its texts in front.
    fn script(&self, limit: Duration, token: &str) -> Command {
        let json = |options: &Options| quote::quote(&serde_json::to_string_pretty(options).expect("a map is JSON"));
        let limit = format!("limit={}\n", limit.as_secs());
        let texts = format!(
            "{limit}new={}\neither={}\nours={}\nvariables={}\ntakes_back={}\n",
            json(&self.merge.merged()),
            json(&self.merge.either()),
            json(self.merge.ours),
            quote::quote(&variables::write(self.variables)),
            quote::quote(&format!("{limit}{UNDO}")),
        );
        Command::script(&format!("{texts}{APPLY}"), [self.how.word(), token])
    }

    fn refusal(&self, output: &Output) -> Failure {
        let said = output.stdout.as_str();
        let changed = self.merge.changed();
        let told: Vec<_> = changed.iter().filter(|name| said.contains(name.as_str())).collect();
        let guilty = if told.is_empty() { changed.iter().collect() } else { told };
        let what = match &guilty[..] {
            [] => "these variables".to_owned(),
            names => format!("option {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
        };
        let failure = match output.status {
            REFUSED => Failure::new(format!("the engine refuses {what}; nothing was changed")),
            ROLLED_BACK => {
                Failure::new(format!("the engine does not start with {what}; what was before is back in force"))
            }
            _ => Failure::new("the engine's options could not be put in force"),
        };
        failure
            .detail(&said.lines().map(readable).collect::<Vec<_>>().join("\n"))
            .hint("correct `engine` in the Machinefile")
    }
}

/// Of this one attempt: what an earlier one left behind is not to undo it.
fn token(cx: &Context) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{}-{now}", cx.token)
}

/// Tells the machine that it can still be reached.
async fn confirm(reach: &Reach, cx: &Context, limit: Duration, token: &str) -> Result<(), Failure> {
    cx.progress.say("reaching the machine anew");
    let end = Instant::now() + limit;
    loop {
        let script = format!("limit={}\n{CONFIRM}", limit.as_secs());
        let command = Command::script(&script, [token]).timeout(ATTEMPT);
        match reach.run_anew(cx, command).await {
            Ok(output) if output.success() => return Ok(()),
            Ok(output) if output.status == TAKEN_BACK => {
                return Err(Failure::new("the machine took the engine's options back: nobody confirmed them in time"));
            }
            Ok(output) => {
                return Err(Failure::new("the engine's options could not be confirmed")
                    .detail(&output.stdout)
                    .hint(back_by_itself(limit)));
            }
            Err(_) if Instant::now() < end => sleep(PAUSE).await,
            Err(failure) => {
                let message = format!("the machine cannot be reached with these options of the engine: {failure}");
                return Err(Failure::new(message).hint(back_by_itself(limit)));
            }
        }
    }
}

fn back_by_itself(limit: Duration) -> String {
    let seconds = limit.as_secs() * 5 / 2;
    format!("the machine goes back to what was before by itself, {seconds} s after the change began")
}

/// A line of the daemon's log without what only machines read.
fn readable(line: &str) -> &str {
    match line.split_once("msg=\"") {
        Some((_, message)) => message.strip_suffix('"').unwrap_or(message),
        None => line,
    }
}
