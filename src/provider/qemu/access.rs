//! Whether a machine lets the project's key in, as far as it can be told from outside: by the key that was in the seed
//! when the machine was last started.
//!
//! The key may be a new one: its private half lives in the keyring, which can be lost while the machines are not. A
//! start with a rewritten seed lets the new key in, by a command that cloud-init runs at every boot; nothing that it
//! runs once is run again.

use crate::provider::qemu::Setup;
use crate::resource::Context;
use crate::value::{Value, json};

/// Of seed and machine.
pub(in crate::provider) const ATTRIBUTE: &str = "project-key";

/// The value that is desired.
pub(in crate::provider) const LET_IN: &str = "let in";

/// Lets a key in that is not yet. `$1` account, `$2` public key. At the first boot there is no account: cloud-init is
/// about to make it, with the same key.
pub(in crate::provider) const SCRIPT: &str = r#"set -u
home=$(getent passwd "$1" | cut -d: -f6)
[ -n "$home" ] && [ -d "$home" ] || exit 0
file=$home/.ssh/authorized_keys
grep -qxF "$2" "$file" 2>/dev/null && exit 0
umask 077
mkdir -p "$home/.ssh"
[ ! -s "$file" ] || [ -z "$(tail -c 1 "$file")" ] || echo >> "$file"
printf '%s\n' "$2" >> "$file"
chown -R "$1:" "$home/.ssh"
"#;

/// The project's public key; `None` while there is none.
pub(super) fn project_key(setup: &Setup, cx: &Context) -> Option<String> {
    cx.output(&setup.key, "public-key")?.as_str().map(str::to_owned)
}

/// What is observed where `held` is the key that is let in.
pub(super) fn observed(setup: &Setup, held: Option<&str>, cx: &Context) -> Value {
    let current = project_key(setup, cx);
    if current.is_some() && current.as_deref() == held { json!(LET_IN) } else { json!("another one is let in") }
}
