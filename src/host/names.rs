//! The machines of a project know each other by name.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::attributes;
use crate::host::reach::Reach;
use crate::id::{Kind, Name, ResourceId};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::transport::Command;
use crate::value::Attributes;

pub(crate) const KIND: Kind = "host.names";

const BEGIN: &str = "# machine: names of this project's machines";
const END: &str = "# machine: end";

/// Rewrites the marked block of each file that is there. cloud-init writes `/etc/hosts` anew from its distribution's
/// template at each boot where `manage_etc_hosts` is set, so the block stands in the templates too. Where a file cannot be renamed over, being
/// a mount of its own, it is written in place.
///
/// A machine that calls itself by a name that goes from the block was renamed and is told its name, `$4`; one that the user
/// calls something else is not. What cloud-init remembers of its user-data goes, as it would bring the old name back at the next
/// boot; the machine stays the instance that it was.
const SCRIPT: &str = r#"
export LC_ALL=C
status=0
called=$(cat /proc/sys/kernel/hostname)
was() { awk -v begin="$1" -v end="$2" '$0 == begin { on = 1 } on { print } $0 == end { on = 0 }' /etc/hosts | grep -q " $called\$"; }
if [ -n "$3" ] && [ "$called" != "$4" ] && was "$@" && ! printf '%s\n' "$3" | grep -q " $called\$"; then
    own=$(awk -v old="$called" -v new="$4" \
        '$1 == "127.0.1.1" { for (i = 2; i <= NF; i++) if ($i == old) $i = new } { print }' /etc/hosts) &&
        printf '%s\n' "$own" >/etc/hosts && printf '%s\n' "$4" >/etc/hostname &&
        rm -f /var/lib/cloud/instance/obj.pkl && { hostname "$4" || hostnamectl set-hostname "$4"; } || exit 1
fi
for file in /etc/hosts /etc/cloud/templates/hosts.*.tmpl; do
    [ -f "$file" ] || continue
    new=$file.machine-new
    {
        awk -v begin="$1" -v end="$2" '$0 == begin { skip = 1 } !skip { print } $0 == end { skip = 0 }' "$file"
        [ -z "$3" ] || printf '%s\n%s\n%s\n' "$1" "$3" "$2"
    } >"$new" && chmod --reference="$file" "$new" &&
        { cmp -s "$new" "$file" || mv -fT "$new" "$file" 2>/dev/null || cat "$new" >"$file"; } || status=1
    rm -f "$new"
done
exit $status
"#;

#[derive(Debug)]
pub(crate) struct Names {
    id: ResourceId,
    reach: Arc<Reach>,
    parents: Vec<Parent>,
    desired: Attributes,
    block: String,
}

impl Names {
    pub(crate) fn new(reach: &Arc<Reach>, peers: &BTreeMap<Name, Ipv4Addr>) -> Self {
        let names: BTreeMap<_, _> = peers.iter().map(|(name, address)| (name.as_str(), address.to_string())).collect();
        Self {
            id: ResourceId::new(KIND, &reach.name),
            parents: vec![Parent::within(reach.id.clone())],
            desired: attributes! { "names": names },
            block: peers.iter().map(|(name, address)| format!("{address} {name}")).collect::<Vec<_>>().join("\n"),
            reach: Arc::clone(reach),
        }
    }

    async fn write(&self, cx: &Context, block: &str) -> Result<(), Failure> {
        let command =
            Command::script(SCRIPT, [BEGIN, END, block, self.reach.name.as_str()]).timeout(Duration::from_secs(30));
        let output = self.reach.run_quietly(cx, command).await?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::new("/etc/hosts could not be written").detail(&output.stderr))
    }
}

/// The names in the marked block, or `None` without one.
fn block(text: &str) -> Option<BTreeMap<String, String>> {
    let inside = text.split_once(BEGIN)?.1.split_once(END)?.0;
    let pair = |line: &str| line.split_once(' ').map(|(address, name)| (name.to_owned(), address.to_owned()));
    Some(inside.lines().filter_map(pair).collect())
}

#[async_trait]
impl Resource for Names {
    fn id(&self) -> &ResourceId {
        &self.id
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

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    async fn read(&self, cx: &Context) -> Observation {
        let facts = match self.reach.facts(cx).await {
            Ok(facts) => facts,
            Err(why) => return Observation::Unreadable(why),
        };
        match block(&facts.hosts) {
            // A template without the same block would undo it at the next boot.
            Some(names) if facts.hosts_templates.iter().all(|text| block(text).as_ref() == Some(&names)) => {
                Observation::Present(attributes! { "names": names })
            }
            Some(_) => Observation::Present(attributes! { "names": BTreeMap::<String, String>::new() }),
            None => Observation::Absent,
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.write(cx, &self.block).await?;
        Ok(self.desired.clone())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        self.write(cx, "").await
    }
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, block};

    #[test]
    fn only_the_marked_block_counts() {
        let text = format!("127.0.0.1 localhost\n{BEGIN}\n10.1.0.2 db\n10.1.0.3 web\n{END}\n10.9.9.9 other\n");
        let names = block(&text).unwrap();
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            [("db".to_owned(), "10.1.0.2".to_owned()), ("web".to_owned(), "10.1.0.3".to_owned())]
        );
        assert_eq!(block("127.0.0.1 localhost\n"), None);
    }
}
