//! A secret setting of a driver is in nothing that is kept or said.

use std::fmt::Write as _;

use crate::support::sandbox::Sandbox;

const SECRET: &str = "c4n4ry-8c1f0e77";

const COMMANDS: [&str; 16] = [
    "validate",
    "plan",
    "plan --long",
    "plan -o json",
    "plan -o markdown",
    "plan --out next.plan",
    "up -y --progress json",
    "status -o json",
    "ls -o json",
    "graph -o json",
    "audit",
    "audit --dump-config --origins",
    "audit --origins -o json",
    "audit --why providers.lab.token",
    "audit --environment",
    "destroy -y",
];

/// Runs every command and returns all they said, and all that they left in the home beside the Machinefile and the secret's own file.
fn everything(sandbox: &Sandbox) -> String {
    let mut text = String::new();
    for words in COMMANDS {
        let ran = sandbox.command(words.split(' ')).env("TOKEN", SECRET).output().expect("the binary runs");
        assert!(matches!(ran.status.code(), Some(0 | 2)), "{words}: {}", String::from_utf8_lossy(&ran.stderr));
        for said in [&ran.stdout, &ran.stderr] {
            text += &String::from_utf8_lossy(said);
        }
        for file in sandbox.files("").into_iter().filter(|file| !GIVEN.iter().any(|given| file.ends_with(given))) {
            let bytes = std::fs::read(sandbox.home().join(&file)).unwrap_or_default();
            write!(text, "\n{file}: {}", String::from_utf8_lossy(&bytes)).expect("a string takes it");
        }
    }
    text
}

/// What the user wrote.
const GIVEN: [&str; 2] = ["project/Machinefile.yaml", "project/token"];

fn project(token: &str) -> Sandbox {
    let sandbox = Sandbox::with(&format!(
        "name: shop\nproviders: {{ lab: {{ driver: simulated, token: {token} }} }}\nmachines: {{ web: {{ provider: lab }} }}\n"
    ));
    sandbox.write("token", &format!("{SECRET}\n"));
    sandbox
}

#[test]
fn a_secret_setting_rests_nowhere_however_it_is_given() {
    for token in ["{ env: TOKEN }", "{ file: token }", "{ command: [cat, token] }", SECRET] {
        let text = everything(&project(token));
        assert!(text.contains("web"), "it was looked at: {text}");
        assert!(text.contains("project/next.plan: "), "the saved plan was read: {text}");
        let at = text.find(SECRET).map(|at| text[..at].lines().last().unwrap_or_default().to_owned());
        assert_eq!(at, None, "with `token: {token}`");
    }
}

#[test]
fn a_fault_beside_a_secret_is_shown_without_it() {
    let sandbox = project(&format!("{SECRET}, latency: soon"));
    let ran = sandbox.run(["plan"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("latency") && ran.stderr.contains("Machinefile.yaml:2"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
}
