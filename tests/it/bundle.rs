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
            env_files: Vec::new(),
            profiles: Vec::new(),
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
fn a_digest_is_of_the_content_and_the_execute_bit() {
    let folder = Folder::with(&[("compose.yaml", "services: { a: { volumes: ['./run:/run'] } }"), ("run", "x")]);
    let before = folder.collect().unwrap().digests["run"].clone();
    fs::set_permissions(folder.path().join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(folder.collect().unwrap().digests["run"], format!("{before} executable"));
}

#[test]
fn a_path_outside_the_project_directory_is_refused() {
    let folder =
        Folder::with(&[("compose.yaml", "services: { a: { volumes: ['../shared:/s'] } }"), ("../shared/x", "")]);
    let error = folder.collect().unwrap_err();
    assert!(error.contains("shared is outside the project directory"), "{error}");
}

#[test]
fn a_symbolic_link_is_followed_inside_the_project_and_not_out_of_it() {
    let folder = Folder::with(&[
        ("compose.yaml", "services: { a: { volumes: ['./conf:/c'] } }"),
        ("real.txt", "x"),
        ("conf/a", ""),
    ]);
    let link = |target: &str| symlink(target, folder.path().join("conf/link")).unwrap();
    link("../real.txt");
    assert_eq!(folder.names(), ["compose.yaml", "conf/a", "conf/link"]);

    fs::remove_file(folder.path().join("conf/link")).unwrap();
    link("/etc/passwd");
    let error = folder.collect().unwrap_err();
    assert!(error.contains("conf/link leads to /etc/passwd, outside the project directory"), "{error}");
}

#[test]
fn a_circle_of_links_ends_in_an_error() {
    let folder = Folder::with(&[("compose.yaml", "services: { a: { volumes: ['./conf:/c'] } }"), ("conf/a", "")]);
    symlink(".", folder.path().join("conf/self")).unwrap();
    let error = folder.collect().unwrap_err();
    assert!(error.contains("circle"), "{error}");
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
