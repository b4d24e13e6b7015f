//! The forms of texts, and how a text of another form is answered.

use serde_json::{Value, json};

/// What [`crate::id::Name`] takes.
pub(super) const NAME: &str = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$";
pub(super) const NAME_MESSAGE: &str =
    "use lower-case letters, digits and `-`, start with a letter, end with a letter or digit, at most 63 characters";

/// A machine as it stands in the Machinefile.
pub(super) const MACHINE: &str = "^machines\\.[a-z]([a-z0-9-]{0,61}[a-z0-9])?$";
pub(super) const MACHINE_MESSAGE: &str = "name a machine as it stands in the Machinefile: `machines.web`";

pub(super) const SIZE: &str = "^[0-9]+(\\.[0-9]+)? ?([KMGT](i?B)?|B)$";
pub(super) const SIZE_MESSAGE: &str = "a size is a number of GB, or a number and a unit: `512MiB`, `20GB`";

pub(super) const PORT: &str = "^(([0-9]{1,3}\\.){3}[0-9]{1,3}:)?[0-9]{1,5}:[0-9]{1,5}(/(tcp|udp))?$";
pub(super) const PORT_MESSAGE: &str = "write `HERE:THERE`, as in `8080:80`, `127.0.0.1:8080:80` or `5353:53/udp`";

pub(super) const VERSION: &str = "^[0-9]+(\\.[0-9]+){0,2}$";
pub(super) const VERSION_MESSAGE: &str = "a version or the beginning of one: `26`, `26.1`, `26.1.5`";

pub(super) const ADDRESS: &str = "^([0-9]{1,3}\\.){3}[0-9]{1,3}$";
pub(super) const ADDRESS_MESSAGE: &str = "an IPv4 address of the project's segment, such as `10.85.7.1`";

/// What needs no quoting in a mount table or a unit.
pub(super) const MOUNT: &str = "^/([A-Za-z0-9_+@.-]+(/[A-Za-z0-9_+@.-]+)*)?$";
pub(super) const MOUNT_MESSAGE: &str =
    "an absolute path in the machine, such as `/data`, of letters, digits and `_ + @ . -`";

pub(super) const DEVICE: &str = "^/dev/[A-Za-z0-9][A-Za-z0-9_+.-]*(/[A-Za-z0-9][A-Za-z0-9_+.-]*)*$";
pub(super) const DEVICE_MESSAGE: &str = "a name below `/dev`, such as `/dev/sr1`";

pub(super) const MAC: &str = "^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$";
pub(super) const MAC_MESSAGE: &str = "six pairs of digits of one card, such as `52:54:00:12:34:56`";

pub(super) const PUBLIC_KEY: &str = "^(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\\r\\n]*)?$";
pub(super) const PUBLIC_KEY_MESSAGE: &str = "paste the line of the `.pub` file: `ssh-ed25519 AAAA… you@home`";

pub(super) const DURATION: &str = "^[0-9]+(ms|s|m|h)$";
pub(super) const DURATION_MESSAGE: &str = "a duration is a whole number and a unit: `30s`, `3m`, `1h`";

/// The name of one of the engine's labels.
pub(super) const LABEL: &str = "^[^=\\s]+$";
pub(super) const LABEL_MESSAGE: &str = "a label's name has no blank and no `=`";

pub(super) const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
pub(super) const VARIABLE_MESSAGE: &str = "a variable's name has letters, digits and `_`, and begins with no digit";

/// What stands on one line.
pub(super) const LINE: &str = "^[^\\r\\n]*$";
pub(super) const LINE_MESSAGE: &str = "one line of text";

pub(super) const WEB_ADDRESS: &str = "^https?://[^\\s]+$";
pub(super) const WEB_ADDRESS_MESSAGE: &str = "an http or https address, such as `http://proxy.example:3128`";

/// One of several that are separated by commas elsewhere.
pub(super) const WORD: &str = "^[^\\s,]+$";
pub(super) const WORD_MESSAGE: &str = "one name, address or network, without blanks and commas";

/// A part of a hundred.
pub(super) const PERCENT: &str = "^([1-9][0-9]?|100)%$";
pub(super) const PERCENT_MESSAGE: &str = "a number of machines, or a part of them such as `25%`";

/// The schema of a user-given name.
pub(super) fn name() -> Value {
    json!({ "pattern": NAME, "patternErrorMessage": NAME_MESSAGE })
}

/// The schema of a registry's address.
pub(super) fn registry() -> Value {
    json!({
        "pattern": "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$",
        "patternErrorMessage": "a registry is its host, with its port if need be and without `https://`: `registry.example:5000`",
    })
}

/// The schema of an item that is a user-given name.
pub(super) fn name_item() -> Value {
    text(NAME, NAME_MESSAGE)
}

/// The schema of a text of one form.
pub(super) fn text(pattern: &str, message: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "patternErrorMessage": message })
}
