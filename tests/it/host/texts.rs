//! What a plan shows of the files of a compose project that change.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use libmachine::desired::ComposeProject;
use libmachine::resource::{LARGEST, Shown, Text, diff};
use libmachine::value::{Path, json};
use sha2::{Digest, Sha256};

use super::{FACTS, World, facts, machine, name, said};

/// What shows files on the machine.
const SCRIPT: &str = include_str!("../../../src/host/compose/texts.sh");
const ASKED: &str = "Shows files of a project";

const COMPOSE: &str = "services:\n  web:\n    image: nginx:1.27\n    env_file: web.env\n    volumes: ['./nginx.conf:/n']\n    \
                       environment:\n      DB_PASSWORD: hunter1\n      LEVEL: info\n    secrets: [odd]\n\
                       secrets: { odd: { file: odd.txt } }\n";

/// A project whose files are some here and others on the machine.
struct Site {
    here: tempfile::TempDir,
    there: tempfile::TempDir,
    world: World,
}

impl Site {
    fn with(files: &[(&str, &str, &str)]) -> Self {
        let [here, there] = [(), ()].map(|()| tempfile::tempdir().unwrap());
        let current = there.path().join("site/current");
        fs::create_dir_all(&current).unwrap();
        let mut manifest = String::from("\n\x1eproject site\nowner  {\"project\":\"shop\"}\nargument  -p\n");
        for (name, before, after) in files {
            fs::write(current.join(name), before).unwrap();
            fs::write(here.path().join(name), after).unwrap();
            manifest.extend([hex::encode(Sha256::digest(before)).as_str(), "  ", name, "\n"]);
        }
        let project = ComposeProject {
            name: name("site"),
            on: vec![name("web")],
            files: vec![here.path().join("compose.yaml")],
            directory: here.path().to_owned(),
            root: here.path().to_owned(),
            env_files: Vec::new(),
            profiles: Vec::new(),
            images: Vec::new(),
            wait: std::time::Duration::from_mins(2),
            after: Vec::new(),
            at: Path::parse("compose.site"),
        };
        let world = World::running(&machine(None, &json!({})), &BTreeMap::new(), &[&project]);
        world.script.answer(FACTS, facts(&manifest));
        Self { here, there, world }
    }

    /// Answers with what the script says of these files.
    fn shows(&self, files: &[&str]) {
        let script = SCRIPT.replace("/var/lib/machine/compose", self.there.path().to_str().unwrap());
        let mut shell = std::process::Command::new("sh");
        shell.args(["-s", "--", "site", &(LARGEST + 1).to_string()]).args(files);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = shell.wait_with_output().unwrap();
        self.world.script.answer(ASKED, said(0, &String::from_utf8(output.stdout).unwrap()));
    }

    async fn texts(&self) -> BTreeMap<String, Shown> {
        self.world.present("host").await;
        let seen = self.world.present("compose.project").await;
        let project = self.world.get("compose.project");
        let changes = diff(project.desired(), &seen);
        let texts = project.texts(&changes, &self.world.cx).await;
        texts.into_iter().map(|Text { path, shown }| (path.keys()[1].clone(), shown)).collect()
    }
}

fn nothing(why: &str) -> Shown {
    Shown::Nothing(why.to_owned())
}

#[tokio::test]
async fn lines_of_compose_files_are_shown_and_nothing_of_what_holds_secrets() {
    let compose = COMPOSE.replace("1.27", "1.28").replace("hunter1", "hunter2");
    let site = Site::with(&[
        ("compose.yaml", COMPOSE, &compose),
        ("nginx.conf", "listen 80;\n", "listen 81;\n"),
        ("web.env", "A=hunter3\n", "A=hunter4\n"),
        ("odd.txt", "hunter5\n", "hunter6\n"),
        (".env", "B=hunter7\n", "B=hunter8\n"),
    ]);
    site.shows(&["compose.yaml", "nginx.conf"]);
    let texts = site.texts().await;
    for file in ["web.env", "odd.txt", ".env"] {
        assert_eq!(texts[file], nothing("covered"), "{file}");
    }
    let Shown::Lines { before, after, covered } = &texts["compose.yaml"] else { panic!("{texts:?}") };
    assert!(before.contains("nginx:1.27") && after.contains("nginx:1.28") && after.contains("LEVEL: info"), "{after}");
    assert!(*covered && after.contains("DB_PASSWORD: ***"), "{after}");
    assert!(matches!(&texts["nginx.conf"], Shown::Lines { after, .. } if after == "listen 81;\n"));
    assert!(!format!("{texts:?}").contains("hunter"), "{texts:?}");
    let asked = &site.world.script.asked_for(ASKED)[0];
    assert!(asked.starts_with("sh -s -- site 65537 compose.yaml nginx.conf\n"), "what is secret is not even read");
}

#[tokio::test]
async fn what_was_secret_on_the_machine_stays_so() {
    let before = "services: { web: { image: nginx } }\nsecrets: { x: { file: plain.txt } }\n";
    let after = "services: { web: { image: nginx } }\nconfigs: { x: { file: plain.txt } }\n";
    let site = Site::with(&[("compose.yaml", before, after), ("plain.txt", "hunter1\n", "none\n")]);
    site.shows(&["compose.yaml", "plain.txt"]);
    assert_eq!(site.texts().await["plain.txt"], nothing("covered"));
    let site = Site::with(&[("compose.yaml", "- [\n", after), ("plain.txt", "hunter1\n", "none\n")]);
    site.shows(&["compose.yaml", "plain.txt"]);
    assert_eq!(site.texts().await["plain.txt"], nothing("covered"), "nobody can tell");
}

#[tokio::test]
async fn what_cannot_be_shown_says_why() {
    let large = "x: 1\n".repeat(20_000);
    let site = Site::with(&[
        (
            "compose.yaml",
            "services: {}\n",
            "services: { web: { image: a, volumes: ['./a:/a', './b:/b', './c:/c'] } }\n",
        ),
        ("a", &large, "small\n"),
        ("b", "old\n", "new\n"),
        ("c", "old\n", "new\n"),
    ]);
    fs::write(site.there.path().join("site/current/b"), "newer\n").unwrap();
    site.shows(&["compose.yaml", "a", "b", "c"]);
    fs::write(site.here.path().join("c"), "newer\n").unwrap();
    let texts = site.texts().await;
    assert_eq!(texts["a"], nothing("larger than 64 KiB"));
    assert_eq!(texts["b"], nothing("it has changed since it was looked at"));
    assert_eq!(texts["c"], nothing("it has changed since it was looked at"));

    site.world.script.answer(ASKED, said(1, ""));
    assert!(matches!(&site.texts().await["b"], Shown::Nothing(why) if why.starts_with("it cannot be read")));
}
