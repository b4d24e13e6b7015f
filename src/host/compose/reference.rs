//! What a compose file names beside itself: files, folders, other compose files, variables.

use crate::host::compose::document::{Fault, Node, parse};

/// How a compose file uses a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Read by compose on the machine; must be there.
    Read,
    /// Read if it is there.
    MayRead,
    /// Mounted into a container; an absolute path is the machine's own.
    Mount,
}

/// A text and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) line: usize,
}

/// A config or secret: `configs` or `secrets`, and its name.
pub(super) type Entry = (&'static str, String);

/// A path in a compose file, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) path: Written,
    pub(super) used: Use,
    /// The service whose containers see the file itself.
    pub(super) service: Option<String>,
    /// The config or secret that it is, which services of any file may use.
    pub(super) entry: Option<Entry>,
    /// Whether it holds variables or a secret: nothing of it is shown.
    pub(super) covered: bool,
    /// Whether only a service needs it that no active profile starts.
    pub(super) idle: bool,
}

/// A folder that a build is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Build {
    pub(super) context: Written,
    /// The Dockerfile in it; `None` where it is written inline, and for contexts beside the first.
    pub(super) dockerfile: Option<Written>,
    pub(super) idle: bool,
}

/// Other compose files, merged with each other, whose paths start from a folder of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Include {
    pub(super) paths: Vec<Written>,
    pub(super) directory: Option<Written>,
    pub(super) env_files: Vec<Written>,
}

/// A service of another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extends {
    pub(super) file: Written,
    pub(super) service: String,
    /// The service that extends it.
    pub(super) by: String,
    pub(super) idle: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    pub(super) files: Vec<Reference>,
    pub(super) builds: Vec<Build>,
    pub(super) includes: Vec<Include>,
    pub(super) extends: Vec<Extends>,
    /// Configs and secrets that containers of a service see.
    pub(super) uses: Vec<(Entry, String)>,
    /// Texts in which variables are filled in.
    pub(super) texts: Vec<Written>,
    /// Variables that are taken from the environment as they are.
    pub(super) passed: Vec<Written>,
    /// What only this computer has, and what to do about it.
    pub(super) refused: Vec<(Written, &'static str)>,
}

/// Paths, as written, of which nothing is shown; `None` for a text that cannot be read.
pub(super) fn covered(text: &str) -> Option<Vec<String>> {
    let found = references(text, &[]).ok()?;
    let files = found.files.into_iter().filter(|file| file.covered).map(|file| file.path.text);
    let included = found.includes.into_iter().flat_map(|include| include.env_files).map(|file| file.text);
    Some(files.chain(included).collect())
}

/// Whether an address is fetched by whoever reads the compose file, wherever that is.
pub(super) fn is_remote(path: &str) -> bool {
    path.contains("://") || ["git@", "github.com/", "oci:"].iter().any(|start| path.starts_with(start))
}

/// Finds everything that the text of a compose file names. `profiles` are those switched on.
pub(super) fn references(text: &str, profiles: &[String]) -> Result<References, Fault> {
    let root = document(text)?;
    let mut found = References { texts: texts(&root), ..References::default() };
    for include in root.get("include").into_iter().flat_map(Node::items) {
        let paths = if include.is_map() { include.get("path") } else { Some(include) };
        found.includes.push(Include {
            paths: written_all(paths),
            directory: include.get("project_directory").and_then(written),
            env_files: written_all(include.get("env_file")),
        });
    }
    for (name, service) in root.get("services").into_iter().flat_map(Node::map) {
        let idle = is_idle(service, profiles);
        found.service(name, service, idle);
        for base in line_of(&root, name).into_iter().skip(1) {
            found.sees(name, base, idle);
            found.extends(name, base, idle);
        }
    }
    for section in ["configs", "secrets"] {
        for (name, entry) in root.get(section).into_iter().flat_map(Node::map) {
            found.passed.extend(entry.get("environment").and_then(written));
            let Some(path) = entry.get("file").and_then(written) else { continue };
            let (idle, covered) = (is_unused(&root, section, name, profiles), section == "secrets");
            let entry = Some((section, name.to_owned()));
            found.files.push(Reference { path, used: Use::Mount, service: None, entry, covered, idle });
        }
    }
    found.folders_behind_volumes(&root);
    Ok(found)
}

/// What the service `by` needs of one of another file that it extends, with those of that file that this one extends itself.
pub(super) fn of_service(text: &str, name: &str, by: &str) -> Result<References, Fault> {
    let root = document(text)?;
    let mut found = References::default();
    for service in line_of(&root, name) {
        found.service(by, service, false);
        found.texts.extend(texts(service));
    }
    Ok(found)
}

/// A service, and those of the same file that it extends, one after the other.
fn line_of<'a>(root: &'a Node, name: &'a str) -> Vec<&'a Node> {
    let (mut name, mut seen, mut line) = (name, Vec::new(), Vec::new());
    while let Some(service) = root.get("services").and_then(|services| services.get(name)) {
        if seen.contains(&name) {
            break;
        }
        seen.push(name);
        line.push(service);
        let base = service.get("extends").filter(|extends| extends.get("file").is_none());
        let base = base.and_then(|extends| extends.get("service").unwrap_or(extends).text());
        name = base.unwrap_or_default();
    }
    line
}

fn document(text: &str) -> Result<Node, Fault> {
    let root = parse(text)?;
    let wrong = |line, why: &str| Err(Fault { line, why: why.to_owned() });
    if !root.is_map() {
        return wrong(root.line, "this is no compose file: it begins with no map");
    }
    for section in ["services", "configs", "secrets", "volumes", "networks"] {
        if let Some(node) = root.get(section).filter(|node| !node.is_map()) {
            return wrong(node.line, &format!("`{section}` is a map of them by name"));
        }
    }
    let mut services = root.get("services").into_iter().flat_map(Node::map);
    if let Some((name, service)) = services.find(|(_, service)| !service.is_map() && !service.is_nothing()) {
        return wrong(service.line, &format!("service `{name}` is a map of its settings"));
    }
    drop(services);
    Ok(root)
}

fn is_idle(service: &Node, profiles: &[String]) -> bool {
    let own: Vec<_> = service.get("profiles").into_iter().flat_map(Node::items).filter_map(Node::text).collect();
    let active = |own: &&str| profiles.iter().any(|profile| profile == "*" || profile == own);
    !own.is_empty() && !own.iter().any(active)
}

impl References {
    fn add(&mut self, paths: Vec<Written>, used: Use, covered: bool, idle: bool) {
        let reference = |path| Reference { path, used, service: None, entry: None, covered, idle };
        self.files.extend(paths.into_iter().map(reference));
    }

    fn service(&mut self, name: &str, service: &Node, idle: bool) {
        for entry in service.get("env_file").into_iter().flat_map(list_or_map) {
            let required = entry.get("required").and_then(Node::text) != Some("false");
            let path = if entry.is_map() { entry.get("path") } else { Some(entry) };
            self.add(written_all(path), if required { Use::Read } else { Use::MayRead }, true, idle);
        }
        self.add(written_all(service.get("label_file")), Use::Read, false, idle);
        self.passed.extend(passed(service.get("environment")));
        self.extends(name, service, idle);
        self.sees(name, service, idle);
        if let Some(build) = service.get("build") {
            self.build(build, idle);
        }
    }

    /// What of another file the service `name` extends, as `service` says.
    fn extends(&mut self, name: &str, service: &Node, idle: bool) {
        if let Some(extends) = service.get("extends") {
            let base = extends.get("service").and_then(Node::text).unwrap_or_default().to_owned();
            let file = extends.get("file").and_then(written);
            self.extends.extend(file.map(|file| Extends { file, service: base, by: name.to_owned(), idle }));
        }
    }

    /// What containers of the service `name` see, as `service` says.
    fn sees(&mut self, name: &str, service: &Node, idle: bool) {
        let mounts = service.get("volumes").into_iter().flat_map(Node::items).filter_map(bind_source);
        self.files.extend(mounts.map(|path| Reference {
            path,
            used: Use::Mount,
            service: Some(name.to_owned()),
            entry: None,
            covered: false,
            idle,
        }));
        for section in ["configs", "secrets"] {
            let entries = service.get(section).into_iter().flat_map(Node::items).filter_map(entry_name);
            self.uses.extend(entries.map(|entry| ((section, entry.to_owned()), name.to_owned())));
        }
    }

    fn build(&mut self, build: &Node, idle: bool) {
        let here = |text: &str| Written { text: text.to_owned(), line: build.line };
        let context = written(build).or_else(|| build.get("context").and_then(written)).unwrap_or_else(|| here("."));
        let dockerfile = build.get("dockerfile").and_then(written).unwrap_or_else(|| here("Dockerfile"));
        let dockerfile = build.get("dockerfile_inline").is_none().then_some(dockerfile);
        self.builds.push(Build { context, dockerfile, idle });
        self.passed.extend(passed(build.get("args")));
        if let Some(ssh) = build.get("ssh").filter(|_| !idle) {
            let line = ssh.line;
            let text = "a build on the machine is lent no SSH keys of this computer: `build.ssh`".to_owned();
            self.refused
                .push((Written { text, line }, "use a build secret, or build the image here and list it in `images`"));
        }
        let more = build.get("additional_contexts");
        let named = more.into_iter().flat_map(Node::map).filter_map(|(_, value)| written(value));
        let listed = more.into_iter().flat_map(Node::items).filter_map(|pair| {
            let text = pair.text()?.split_once('=')?.1.to_owned();
            Some(Written { text, line: pair.line })
        });
        let is_folder = |context: &Written| !["service:", "target:"].iter().any(|kind| context.text.starts_with(kind));
        let more = named.chain(listed).filter(is_folder);
        self.builds.extend(more.map(|context| Build { context, dockerfile: None, idle }));
    }

    /// A named volume may be a folder: `driver_opts: { type: none, o: bind, device: ./data }`.
    fn folders_behind_volumes(&mut self, root: &Node) {
        for (_, volume) in root.get("volumes").into_iter().flat_map(Node::map) {
            let Some(options) = volume.get("driver_opts") else { continue };
            let is_bind = options.get("o").and_then(Node::text).is_some_and(|o| o.split(',').any(|o| o == "bind"));
            let device = options.get("device").and_then(written).filter(|_| is_bind);
            self.add(device.into_iter().collect(), Use::Mount, false, false);
        }
    }
}

/// Whether services name this config or secret, and none of them is started.
fn is_unused(root: &Node, section: &str, name: &str, profiles: &[String]) -> bool {
    let names_it = |service: &Node| {
        let own = service.get(section).into_iter().flat_map(Node::items);
        let build = service.get("build").and_then(|build| build.get(section)).into_iter().flat_map(Node::items);
        own.chain(build).filter_map(entry_name).any(|entry| entry == name)
    };
    let mut users =
        root.get("services").into_iter().flat_map(Node::map).filter(|(_, service)| names_it(service)).peekable();
    users.peek().is_some() && users.all(|(_, service)| is_idle(service, profiles))
}

/// The config or secret that a service's list names.
fn entry_name(entry: &Node) -> Option<&str> {
    entry.text().or_else(|| entry.get("source")?.text())
}

/// The host side of a bind mount, when it is a path: a bare word is a volume.
fn bind_source(volume: &Node) -> Option<Written> {
    if volume.is_map() {
        let bind = volume.get("type").and_then(Node::text) == Some("bind");
        return volume.get("source").and_then(written).filter(|_| bind);
    }
    let text = volume.text()?;
    // A colon inside `${VAR:-x}` does not end the source.
    let mut depth = 0;
    let end = text.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ':' && depth == 0
    })?;
    let source = &text[..end];
    let line = volume.line;
    source.starts_with(['.', '/', '~', '$']).then(|| Written { text: source.to_owned(), line })
}

/// Variables without a value of their own.
fn passed(environment: Option<&Node>) -> Vec<Written> {
    let listed = environment.into_iter().flat_map(Node::items).filter_map(written);
    let listed = listed.filter(|entry| !entry.text.contains(['=', '$']));
    let bare = |(name, value): (&str, &Node)| Written { text: name.to_owned(), line: value.line };
    let named = environment.into_iter().flat_map(Node::map).filter(|(_, value)| value.is_nothing()).map(bare);
    listed.chain(named).collect()
}

/// The items of a list, or the one that stands alone.
fn list_or_map(node: &Node) -> impl Iterator<Item = &Node> {
    node.items().chain(node.is_map().then_some(node))
}

fn texts(node: &Node) -> Vec<Written> {
    let values = node.values().into_iter().filter(|(text, _)| text.contains('$'));
    values.map(|(text, line)| Written { text: text.to_owned(), line }).collect()
}

fn written(node: &Node) -> Option<Written> {
    Some(Written { text: node.text()?.to_owned(), line: node.line })
}

fn written_all(node: Option<&Node>) -> Vec<Written> {
    node.into_iter().flat_map(Node::items).filter_map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::{Use, of_service, references};

    const TEXT: &str = "include: [other.yaml, { path: [a.yaml, b.yaml], env_file: a.env, project_directory: sub }]
x-base: &base { env_file: base.env }
services:
  web:
    <<: *base
    build: { context: ./app, dockerfile: Containerfile, additional_contexts: { lib: ../lib, base: 'service:db' } }
    volumes: ['./html:/srv:ro', 'data:/data', '${CONF:-./conf}:/etc/web', { type: bind, source: /run/x, target: /x }]
    configs: [main]
    develop: { watch: [{ path: ./src, action: sync, target: /src }] }
  db:
    build: db
    environment: [PASSED, A=b]
    env_file: [{ path: db.env, required: false }]
    label_file: !override labels
    extends: { file: common.yaml, service: db }
  tool: { profiles: [tools], env_file: tool.env }
configs: { main: { file: ./main.conf } }
secrets: { key: { environment: KEY } }
volumes: { data: { driver_opts: { type: none, o: 'bind,ro', device: ./data } } }
";

    #[test]
    fn every_kind_of_path_is_found() {
        let found = references(TEXT, &[]).unwrap();
        let files: Vec<_> = found
            .files
            .iter()
            .map(|f| (f.path.text.as_str(), f.path.line, f.used, f.service.clone().unwrap_or_default(), f.idle))
            .collect();
        let none = String::new;
        let web = || "web".to_owned();
        assert_eq!(
            files,
            [
                ("base.env", 2, Use::Read, none(), false),
                ("./html", 7, Use::Mount, web(), false),
                ("${CONF:-./conf}", 7, Use::Mount, web(), false),
                ("/run/x", 7, Use::Mount, web(), false),
                ("db.env", 13, Use::MayRead, none(), false),
                ("labels", 14, Use::Read, none(), false),
                ("tool.env", 16, Use::Read, none(), true),
                ("./main.conf", 17, Use::Mount, none(), false),
                ("./data", 19, Use::Mount, none(), false),
            ]
        );
        let contexts: Vec<_> = found
            .builds
            .iter()
            .map(|b| (b.context.text.as_str(), b.dockerfile.as_ref().map(|d| d.text.as_str())))
            .collect();
        assert_eq!(contexts, [("./app", Some("Containerfile")), ("../lib", None), ("db", Some("Dockerfile"))]);
        let includes: Vec<_> =
            found.includes.iter().map(|i| (i.paths.len(), i.env_files.len(), i.directory.is_some())).collect();
        assert_eq!(includes, [(1, 0, false), (2, 1, true)]);
        assert_eq!((found.extends[0].file.text.as_str(), found.extends[0].by.as_str()), ("common.yaml", "db"));
        assert_eq!(found.uses, [(("configs", "main".to_owned()), "web".to_owned())]);
        assert_eq!(found.passed.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(), ["PASSED", "KEY"]);
        assert!(!references(TEXT, &["tools".to_owned()]).unwrap().files.iter().any(|file| file.idle));
    }

    #[test]
    fn of_a_file_that_is_extended_only_the_service_counts() {
        let text = "services:\n  a: { extends: b, env_file: a.env }\n  b: { extends: { service: a }, env_file: b.env }\n  c: { build: gone }\n";
        let found = of_service(text, "a", "web").unwrap();
        assert_eq!(found.files.iter().map(|f| f.path.text.as_str()).collect::<Vec<_>>(), ["a.env", "b.env"]);
        assert_eq!(found.builds, []);
    }

    #[test]
    fn what_is_no_compose_file_is_told_with_its_line() {
        let fault = |text| references(text, &[]).unwrap_err();
        assert_eq!((fault("- a\n").line, fault("services:\n  - web\n").line), (1, 2));
        assert_eq!(fault("services:\n  web: nginx\n").why, "service `web` is a map of its settings");
        let text = "services:\n  web:\n    build:\n      ssh: [default]\n";
        assert_eq!(references(text, &[]).unwrap().refused[0].0.line, 4);
    }
}
