//! What of a compose project is taken along, and what is refused.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use libmachine::desired::ComposeProject;
use libmachine::host::Bundle;
use libmachine::id::Name;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("site")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn project(&self) -> ComposeProject {
        ComposeProject {
            name: Name::new("site").unwrap(),
            on: vec![Name::new("web").unwrap()],
            files: vec![self.path().join("compose.yaml")],
            directory: self.path(),
            root: self.path(),
            env_files: Vec::new(),
            profiles: Vec::new(),
            images: Vec::new(),
            wait: std::time::Duration::from_mins(2),
            after: Vec::new(),
            at: libmachine::value::Path::parse("compose.site"),
        }
    }

    fn collect(&self) -> Result<Bundle, String> {
        Bundle::collect(&self.project()).map_err(|error| error.message)
    }

    fn names(&self) -> Vec<String> {
        self.collect().unwrap().digests.into_keys().collect()
    }
}

/// Which services mount what.
fn mounts(folder: &Folder) -> Vec<String> {
    let mounts = folder.collect().unwrap().mounts;
    mounts.into_iter().map(|(service, file)| format!("{service} {file}")).collect()
}

#[test]
fn a_service_mounts_what_those_mount_that_it_extends_in_its_own_file() {
    let folder = Folder::with(&[
        (
            "compose.yaml",
            "services:\n  base: { extends: { file: more.yaml, service: more }, volumes: ['./a:/a'] }\n  web: { extends: base }\n",
        ),
        ("more.yaml", "services: { more: { volumes: ['./b:/b'] } }"),
        ("a", "1"),
        ("b", "2"),
    ]);
    assert_eq!(mounts(&folder), ["base a", "base b", "web a", "web b"]);
}

#[test]
fn a_mounted_link_counts_beside_what_it_leads_to() {
    let folder = Folder::with(&[("compose.yaml", "services: { web: { volumes: ['./now:/etc/now'] } }"), ("v1", "1")]);
    symlink("v1", folder.path().join("now")).unwrap();
    assert_eq!(mounts(&folder), ["web now", "web v1"]);
}

#[test]
fn of_variables_in_several_files_later_ones_count_and_may_name_earlier_ones() {
    let folder = Folder::with(&[
        ("compose.yaml", "services: { web: { env_file: '${SUB}/${NAME}' } }"),
        ("base.env", "DIR=conf\nNAME=old\n"),
        ("more.env", "SUB=${DIR}/web\nNAME=new\n"),
        ("conf/web/new", ""),
    ]);
    let files = ["base.env", "more.env"].map(|name| folder.path().join(name)).to_vec();
    let bundle = Bundle::collect(&ComposeProject { env_files: files, ..folder.project() });
    let names: Vec<_> = bundle.map_err(|error| error.message).unwrap().digests.into_keys().collect();
    assert_eq!(names, ["base.env", "compose.yaml", "conf/web/new", "more.env"]);
}

#[test]
fn everything_a_project_needs_and_nothing_else_is_taken() {
    let folder = Folder::with(&[
        (
            "compose.yaml",
            "include: [more/compose.yaml]
services:
  web:
    build: app
    env_file: web.env
    volumes: ['${HTML:?}:/srv', /run/docker.sock:/x, cache:/cache, './later:/later']
    secrets: [password]
secrets: { password: { file: password.txt } }
volumes: { cache: {} }
",
        ),
        (".env", "HTML=./html\n"),
        ("web.env", ""),
        ("html/index.html", "hi"),
        ("html/css/a.css", ""),
        ("later/.keep", ""),
        ("password.txt", "x"),
        ("app/Dockerfile", "FROM scratch"),
        ("app/.dockerignore", "Dockerfile\ntarget\n"),
        ("app/main.c", ""),
        ("app/target/main.o", ""),
        ("more/compose.yaml", "services: { db: { env_file: db.env, image: db } }"),
        ("more/db.env", ""),
        ("unrelated.txt", ""),
    ]);
    assert_eq!(
        folder.names(),
        [
            ".env",
            "app/.dockerignore",
            "app/Dockerfile",
            "app/main.c",
            "compose.yaml",
            "html/css/a.css",
            "html/index.html",
            "later/.keep",
            "more/compose.yaml",
            "more/db.env",
            "password.txt",
            "web.env",
        ]
    );
    let bundle = folder.collect().unwrap();
    assert!(bundle.builds);
    assert_eq!(bundle.mounts.into_iter().collect::<Vec<_>>(), [("web".to_owned(), "password.txt".to_owned())]);
}

#[test]
fn a_digest_is_of_the_content_and_of_what_counts_of_the_mode() {
    let folder = Folder::with(&[("compose.yaml", "services: { a: { volumes: ['./run:/run'] } }"), ("run", "x")]);
    let with = |mode| {
        fs::set_permissions(folder.path().join("run"), fs::Permissions::from_mode(mode)).unwrap();
        folder.collect().unwrap().digests["run"].clone()
    };
    let plain = with(0o644);
    assert_eq!([with(0o664), with(0o640)], [plain.clone(), plain.clone()], "that is who checked it out");
    assert_eq!(with(0o755), format!("{plain} executable"));
    assert_eq!([with(0o600), with(0o700)], [format!("{plain} private"), format!("{plain} executable private")]);
}

#[test]
fn what_lies_beside_the_project_directory_comes_along_and_what_lies_outside_of_the_root_does_not() {
    let folder =
        Folder::with(&[("compose.yaml", "services: { a: { volumes: ['../shared:/s'] } }"), ("../shared/x", "")]);
    let error = folder.collect().unwrap_err();
    assert!(error.starts_with("compose.yaml:1: ") && error.contains("/shared is outside of"), "{error}");
    let project = ComposeProject { root: folder.0.path().to_owned(), ..folder.project() };
    let bundle = Bundle::collect(&project).unwrap();
    assert_eq!(bundle.digests.into_keys().collect::<Vec<_>>(), ["shared/x", "site/compose.yaml"]);
}

#[test]
fn links_stay_links_and_what_compose_follows_comes_along() {
    let folder = Folder::with(&[
        (
            "compose.yaml",
            "services: { a: { volumes: ['./now:/c'], env_file: conf/link.env } }\nsecrets: { k: { file: key } }",
        ),
        ("releases/1/a", ""),
        ("real.env", "A=b"),
        ("conf/x", ""),
    ]);
    let link = |target: &str, name: &str| symlink(target, folder.path().join(name)).unwrap();
    link("releases/1", "now");
    link("../real.env", "conf/link.env");
    link("/etc/localtime", "releases/1/time");
    link("nowhere", "releases/1/broken");
    link("real.env", "key");
    let bundle = folder.collect().unwrap();
    assert_eq!(bundle.digests["now"], "link to releases/1");
    assert_eq!(bundle.digests["releases/1/time"], "link to /etc/localtime", "as the container sees it");
    assert_eq!(
        bundle.digests.keys().collect::<Vec<_>>(),
        [
            "compose.yaml",
            "conf/link.env",
            "key",
            "now",
            "real.env",
            "releases/1/a",
            "releases/1/broken",
            "releases/1/time"
        ]
    );
    assert!(bundle.covered.contains("real.env"));
    assert!(unpacked(&bundle.pack(&[]).unwrap()).contains(&"content/now".to_owned()));
}

#[test]
fn links_that_compose_would_follow_elsewhere_are_refused() {
    let folder = Folder::with(&[("compose.yaml", "services:\n  a:\n    env_file: link\n")]);
    for (target, why) in [
        ("/etc/passwd", "compose.yaml:3: "),
        ("../../etc/passwd", "leads to ../../etc/passwd, which is not taken along"),
        ("link", "in a circle"),
    ] {
        _ = fs::remove_file(folder.path().join("link"));
        symlink(target, folder.path().join("link")).unwrap();
        let error = folder.collect().unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn what_is_neither_file_nor_folder_nor_link_is_refused() {
    let folder = Folder::with(&[("compose.yaml", "services: { a: { volumes: ['./conf:/c'] } }"), ("conf/a", "")]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("conf/socket")).unwrap();
    assert!(folder.collect().unwrap_err().ends_with("conf/socket is no file, folder or link and cannot be sent"));
}

#[test]
fn included_and_extended_files_have_folders_and_variables_of_their_own() {
    let folder = Folder::with(&[
        (
            "compose.yaml",
            "include: [{ path: [db/a.yaml, db/b.yaml] }, { path: db/c.yaml, project_directory: c, env_file: db/c.env }]\nservices:\n  web: { extends: { file: base/web.yaml, service: web } }\n",
        ),
        (".env", "WHERE=top\n"),
        ("db/.env", "WHERE=db\nOWN=own\n"),
        ("db/a.yaml", "services: { a: { env_file: '${OWN}.env', image: x } }"),
        ("db/b.yaml", "include: [deep/d.yaml]\nservices: { b: { env_file: '${WHERE}.env', image: x } }"),
        ("db/own.env", ""),
        ("db/top.env", ""),
        ("db/deep/d.yaml", "services: { d: { build: . } }"),
        ("db/deep/Dockerfile", "FROM scratch"),
        ("db/c.yaml", "services: { c: { env_file: '${NAME}.env', image: x } }"),
        ("db/c.env", "NAME=named\n"),
        ("c/named.env", ""),
        ("base/web.yaml", "services: { web: { extends: { file: sub/more.yaml, service: x } }, gone: { build: gone } }"),
        ("base/sub/more.yaml", "services: { x: { label_file: labels, image: x } }"),
        ("base/sub/labels", ""),
    ]);
    let names = folder.names();
    for name in
        ["db/own.env", "db/top.env", "db/deep/Dockerfile", "c/named.env", "base/sub/labels", "db/.env", "db/c.env"]
    {
        assert!(names.contains(&name.to_owned()), "{name} is not in {names:?}");
    }
    assert_eq!(folder.collect().unwrap().warnings, []);
}

#[test]
fn who_mounts_a_file_is_known_whichever_file_says_so() {
    let folder = Folder::with(&[
        (
            "compose.yaml",
            "secrets: { k: { file: key } }\nservices: { web: { extends: { file: sub/base.yaml, service: base } } }",
        ),
        (
            "more.yaml",
            "services: { db: { image: x, secrets: [{ source: k }] }, b: { build: { context: ., secrets: [k] } } }",
        ),
        ("sub/base.yaml", "services: { base: { image: x, volumes: ['./conf:/c'] } }"),
        ("sub/conf", ""),
        ("key", ""),
        ("Dockerfile", "FROM scratch"),
        (".dockerignore", "**"),
    ]);
    let project = folder.project();
    let files = vec![project.files[0].clone(), folder.path().join("more.yaml")];
    let bundle = Bundle::collect(&ComposeProject { files, ..project }).unwrap();
    let mounts: Vec<_> = bundle.mounts.iter().map(|(service, file)| format!("{service} {file}")).collect();
    assert_eq!(mounts, ["db key", "web sub/conf"]);
}

#[test]
fn a_dockerfile_of_its_own_has_rules_of_its_own() {
    let folder = Folder::with(&[
        ("compose.yaml", "services: { a: { build: { context: app, dockerfile: docker/dev.Dockerfile } } }"),
        ("app/docker/dev.Dockerfile", "FROM scratch"),
        ("app/docker/dev.Dockerfile.dockerignore", "*\n!src/**/*.c\n"),
        ("app/.dockerignore", "src"),
        ("app/src/a/main.c", ""),
        ("app/src/a/main.o", ""),
    ]);
    let expected =
        ["app/docker/dev.Dockerfile", "app/docker/dev.Dockerfile.dockerignore", "app/src/a/main.c", "compose.yaml"];
    assert_eq!(folder.names(), expected);
}

#[test]
fn what_is_missing_is_told_with_file_and_line() {
    for (text, expected) in [
        ("services:\n  a:\n    env_file: gone.env\n", "compose.yaml:3: no file or folder `gone.env`"),
        ("services:\n  a:\n    build: .\n", "compose.yaml:3: no file or folder `Dockerfile`"),
        ("secrets:\n  a:\n    file: gone\n", "compose.yaml:3: no file or folder `gone`"),
        ("include:\n  - gone.yaml\n", "compose.yaml:2: no file or folder `gone.yaml`"),
        ("services:\n  a:\n    env_file: /etc/a.env\n", "compose.yaml:3: `/etc/a.env` is an absolute path"),
        ("services:\n  a:\n    image: ${TAG:?}\n", "compose.yaml:3: `TAG` is not set in any env file of the project"),
        ("services:\n  a: [\n", "compose.yaml:2: not YAML: "),
        ("- nonsense\n", "compose.yaml:1: this is no compose file: it begins with no map"),
    ] {
        let error = Folder::with(&[("compose.yaml", text)]).collect().unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let idle = "services: { a: { profiles: [x], env_file: gone.env, build: gone }, b: { env_file: [{ path: gone, required: false }] } }";
    assert_eq!(Folder::with(&[("compose.yaml", idle)]).names(), ["compose.yaml"]);
}

#[test]
fn a_variable_that_nobody_sets_is_warned_of_once() {
    let text = "services:\n  a:\n    image: a:${TAG}\n    environment: [PASSED, \"X=$TAG\", 'Y=${Z:-z}']\n";
    let warnings = Folder::with(&[("compose.yaml", text)]).collect().unwrap().warnings;
    let messages: Vec<_> = warnings.into_iter().map(|(message, _)| message).collect();
    assert_eq!(
        messages,
        [
            "compose.yaml:3: `TAG` is set nowhere, so nothing is filled in",
            "compose.yaml:4: `PASSED` is set nowhere, so nothing is passed on"
        ]
    );
}

#[test]
fn an_unset_variable_in_a_path_is_named() {
    let folder = Folder::with(&[("compose.yaml", "services: { a: { env_file: '${WHERE}/a.env' } }")]);
    let error = folder.collect().unwrap_err();
    assert!(error.contains("`WHERE` is not set in any env file"), "{error}");
}

#[test]
fn what_changed_after_the_plan_is_not_shipped() {
    let folder = Folder::with(&[("compose.yaml", "services: { a: { image: x } }")]);
    let bundle = folder.collect().unwrap();
    assert_eq!(unpacked(&bundle.pack(&[("owner.json", "{}".into())]).unwrap()), ["content/compose.yaml", "owner.json"]);
    folder.write("compose.yaml", "services: { a: { image: y } }");
    assert!(bundle.pack(&[]).unwrap_err().message.contains("compose.yaml has changed since the plan was made"));
}

fn unpacked(content: &[u8]) -> Vec<String> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(content));
    let path = |entry: std::io::Result<tar::Entry<'_, _>>| -> String {
        Path::display(&entry.unwrap().path().unwrap()).to_string()
    };
    let mut names: Vec<String> = tar.entries().unwrap().map(path).collect();
    names.sort();
    names
}
