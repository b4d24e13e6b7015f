//! The part of a compose file that names other files.

use yaml_serde::Value;

/// How a compose file uses a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Read by compose on the machine; must be there.
    Read,
    /// Read if it is there.
    MayRead,
    /// Another compose file, whose own paths start from its folder.
    Compose,
    /// Mounted into a container; an absolute path is the machine's own.
    Mount,
}

/// A path in a compose file, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) path: String,
    pub(super) used: Use,
    /// The services whose containers see the file itself.
    pub(super) services: Vec<String>,
    /// Whether it holds variables or a secret: nothing of it is shown.
    pub(super) covered: bool,
}

/// A build, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Build {
    pub(super) context: String,
    pub(super) dockerfile: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    pub(super) files: Vec<Reference>,
    pub(super) builds: Vec<Build>,
}

/// Paths, as written, of which nothing is shown; `None` for a text that cannot be read.
pub(super) fn covered(text: &str) -> Option<Vec<String>> {
    let files = references(text).ok()?.files;
    Some(files.into_iter().filter(|file| file.covered).map(|file| file.path).collect())
}

/// Finds every path in the text of a compose file.
pub(super) fn references(text: &str) -> Result<References, String> {
    let mut root: Value = yaml_serde::from_str(text).map_err(|error| error.to_string())?;
    root.apply_merge().map_err(|error| error.to_string())?;
    let mut found = References::default();
    for include in items(get(&root, "include")) {
        let paths = if include.is_mapping() { get(include, "path") } else { Some(include) };
        found.add_all(texts(paths), Use::Compose);
        found.cover_all(texts(get(include, "env_file")), Use::Read);
    }
    for (name, service) in entries(get(&root, "services")) {
        found.service(name, service);
    }
    for section in ["configs", "secrets"] {
        for (name, entry) in entries(get(&root, section)) {
            let Some(path) = get(entry, "file").and_then(text_of) else { continue };
            let services = users(&root, section, name);
            found.files.push(Reference { path, used: Use::Mount, services, covered: section == "secrets" });
        }
    }
    Ok(found)
}

impl References {
    fn add_all(&mut self, paths: Vec<String>, used: Use) {
        self.extend(paths, used, false);
    }

    fn cover_all(&mut self, paths: Vec<String>, used: Use) {
        self.extend(paths, used, true);
    }

    fn extend(&mut self, paths: Vec<String>, used: Use, covered: bool) {
        let reference = |path| Reference { path, used, services: Vec::new(), covered };
        self.files.extend(paths.into_iter().map(reference));
    }

    fn service(&mut self, name: &str, service: &Value) {
        for entry in items(get(service, "env_file")) {
            let required = get(entry, "required").and_then(Value::as_bool).unwrap_or(true);
            let path = if entry.is_mapping() { get(entry, "path") } else { Some(entry) };
            self.cover_all(texts(path), if required { Use::Read } else { Use::MayRead });
        }
        self.add_all(texts(get(service, "label_file")), Use::Read);
        self.add_all(texts(get(service, "extends").and_then(|extends| get(extends, "file"))), Use::Compose);
        let mounts = items(get(service, "volumes")).filter_map(bind_source);
        let services = vec![name.to_owned()];
        self.files.extend(mounts.map(|path| Reference {
            path,
            used: Use::Mount,
            services: services.clone(),
            covered: false,
        }));
        if let Some(build) = get(service, "build") {
            self.build(build);
        }
    }

    fn build(&mut self, build: &Value) {
        let written = |key: &str| get(build, key).and_then(text_of);
        let context = text_of(build).or_else(|| written("context")).unwrap_or_else(|| ".".to_owned());
        self.builds.push(Build { context, dockerfile: written("dockerfile") });
        let more = get(build, "additional_contexts");
        let named = entries(more).filter_map(|(_, value)| text_of(value));
        let listed = items(more).filter_map(text_of).filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()));
        let more: Vec<_> = named.chain(listed).collect();
        self.builds.extend(more.into_iter().map(|context| Build { context, dockerfile: None }));
    }
}

/// Services that name this config or secret.
fn users(root: &Value, section: &str, name: &str) -> Vec<String> {
    let names = |entry: &Value| text_of(entry).or_else(|| text_of(get(entry, "source")?));
    entries(get(root, "services"))
        .filter(|(_, service)| items(get(service, section)).any(|entry| names(entry).as_deref() == Some(name)))
        .map(|(service, _)| service.to_owned())
        .collect()
}

/// The host side of a bind mount, when it is a path: a bare word is a volume.
fn bind_source(volume: &Value) -> Option<String> {
    if volume.is_mapping() {
        let bind = get(volume, "type").and_then(Value::as_str) == Some("bind");
        return get(volume, "source").and_then(text_of).filter(|_| bind);
    }
    let text = text_of(volume)?;
    // A colon inside `${VAR:-x}` does not end the source.
    let mut depth = 0;
    let end = text.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ':' && depth == 0
    })?;
    let source = &text[..end];
    source.starts_with(['.', '/', '~', '$']).then(|| source.to_owned())
}

fn bare(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => bare(&tagged.value),
        other => other,
    }
}

fn get<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    bare(value).get(key).map(bare).filter(|value| !value.is_null())
}

fn text_of(value: &Value) -> Option<String> {
    bare(value).as_str().map(str::to_owned)
}

/// The items of a list; a single value that is not a list is one item, a map is none of its own.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let list = value.and_then(Value::as_sequence).map(Vec::as_slice);
    let single = value.filter(|value| value.is_string());
    list.unwrap_or_default().iter().map(bare).chain(single)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    items(value).filter_map(text_of).collect()
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let map = value.and_then(Value::as_mapping);
    map.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str()?, bare(value))))
}

#[cfg(test)]
mod tests {
    use super::{Build, Use, references};

    #[test]
    fn every_kind_of_path_is_found() {
        let found = references(
            "include: [other.yaml, { path: [a.yaml, b.yaml], env_file: a.env }]
x-base: &base { env_file: base.env }
services:
  web:
    <<: *base
    build: { context: ./app, dockerfile: Containerfile, additional_contexts: { lib: ../lib } }
    volumes: ['./html:/srv:ro', 'data:/data', '${CONF:-./conf}:/etc/web', { type: bind, source: /run/x, target: /x }]
    configs: [main]
  db:
    build: db
    env_file: [{ path: db.env, required: false }]
    label_file: !override labels
    extends: { file: common.yaml, service: db }
configs: { main: { file: ./main.conf } }
volumes: { data: {} }
",
        )
        .unwrap();
        let files: Vec<_> = found.files.iter().map(|f| (f.path.as_str(), f.used, f.services.join(" "))).collect();
        let none = String::new;
        assert_eq!(
            files,
            [
                ("other.yaml", Use::Compose, none()),
                ("a.yaml", Use::Compose, none()),
                ("b.yaml", Use::Compose, none()),
                ("a.env", Use::Read, none()),
                ("base.env", Use::Read, none()),
                ("./html", Use::Mount, "web".to_owned()),
                ("${CONF:-./conf}", Use::Mount, "web".to_owned()),
                ("/run/x", Use::Mount, "web".to_owned()),
                ("db.env", Use::MayRead, none()),
                ("labels", Use::Read, none()),
                ("common.yaml", Use::Compose, none()),
                ("./main.conf", Use::Mount, "web".to_owned()),
            ]
        );
        let build = |context: &str, dockerfile: Option<&str>| Build {
            context: context.to_owned(),
            dockerfile: dockerfile.map(str::to_owned),
        };
        assert_eq!(found.builds, [build("./app", Some("Containerfile")), build("../lib", None), build("db", None)]);
    }
}
