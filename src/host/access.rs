//! `host.access`: a machine that lets another key of yours in lets the project's key in too.
//!
//! Where the project's key is the only one we log in with there is nothing to do here: being in proves it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::attributes;
use crate::host::reach::Reach;
use crate::id::{Kind, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::transport::Command;
use crate::value::Attributes;

const KIND: Kind = "host.access";

/// `$1` is the key's line. The file is written beside its place, owned and readable as the one before it.
const SCRIPT: &str = r#"
set -eu
home=$(getent passwd "${SUDO_USER:-root}" | cut -d: -f6)
file=$home/.ssh/authorized_keys
new=$file.machine-new
cp -p -- "$file" "$new"
[ -z "$(tail -c 1 "$new")" ] || echo >>"$new"
printf '%s\n' "$1" >>"$new"
mv -fT -- "$new" "$file"
"#;

#[derive(Debug)]
pub(crate) struct Access {
    id: ResourceId,
    reach: Arc<Reach>,
    key: ResourceId,
    parents: Vec<Parent>,
    desired: Attributes,
}

impl Access {
    /// `key` is the resource whose output `public-key` is let in.
    pub(crate) fn new(reach: &Arc<Reach>, key: &ResourceId) -> Self {
        Self {
            id: ResourceId::new(KIND, &reach.name),
            parents: vec![Parent::within(reach.id.clone()), Parent::after(key.clone())],
            key: key.clone(),
            desired: attributes! { "project-key": "let in" },
            reach: Arc::clone(reach),
        }
    }

    fn line(&self, cx: &Context) -> Option<String> {
        cx.output(&self.key, "public-key")?.as_str().map(str::to_owned)
    }
}

/// Type and key of a line without options; the comment after them does not count.
fn body(line: &str) -> Vec<&str> {
    line.split_whitespace().take(2).collect()
}

#[async_trait]
impl Resource for Access {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, Some("lets the project's key in beside yours".to_owned()))
    }

    async fn read(&self, cx: &Context) -> Observation {
        let facts = match self.reach.facts(cx).await {
            Ok(facts) => facts,
            Err(why) => return Observation::Unreadable(why),
        };
        let is_in = self.line(cx).is_some_and(|ours| facts.authorized.iter().any(|line| body(line) == body(&ours)));
        Observation::Present(attributes! { "project-key": if is_in { "let in" } else { "not let in" } })
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.update(cx, &[]).await
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        let line = self.line(cx).ok_or_else(|| Failure::new(format!("{} shows no public key", self.key)))?;
        let command = Command::script(SCRIPT, [line]).timeout(Duration::from_secs(30));
        let output = self.reach.run_quietly(cx, command).await?;
        if output.success() {
            return Ok(self.desired.clone());
        }
        Err(Failure::new("the project's key could not be added to `authorized_keys`").detail(&output.stderr))
    }

    /// It goes with the machine; a key of a project that lives on stays let in.
    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        Ok(())
    }
}
