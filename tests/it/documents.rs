//! The README and the examples are true.

use std::path::PathBuf;

use crate::support::sandbox::Sandbox;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("a README")
}

/// The fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

const COMPOSE: &str = "services: { web: { image: web } }\n";

#[test]
fn every_machinefile_of_the_readme_is_valid_and_plans() {
    let blocks = blocks(&readme(), "yaml");
    assert!(!blocks.is_empty());
    for block in blocks {
        let sandbox = Sandbox::with(&block);
        sandbox.write("compose.yaml", COMPOSE);
        sandbox.ok("validate");
        assert!(sandbox.ok("plan").stdout.contains("to create"));
    }
}

#[test]
fn every_shell_line_of_the_readme_names_something_that_is_there() {
    let help = Sandbox::new().ok("--help").stdout;
    let blocks = blocks(&readme(), "sh");
    assert!(blocks.len() >= 3);
    for line in blocks.iter().flat_map(|block| block.lines()).filter(|line| !line.is_empty()) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["machine", verb, ..] => assert!(help.contains(&format!("  {verb} ")), "`machine {verb}` is no command"),
            [script, ..] => assert!(root().join(script).is_file(), "{script} is not there"),
            [] => {}
        }
    }
}

#[test]
fn every_command_of_the_readme_exists_and_every_command_is_in_it() {
    let help = Sandbox::new().ok("--help").stdout;
    let listed = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next()).expect("a list");
    let readme = readme();
    for line in listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let verb = line.split_whitespace().next().expect("a word");
        assert!(
            verb == "help" || readme.contains(&format!("`{verb}`")) || readme.contains(&format!("`machine {verb}")),
            "{verb}"
        );
    }
}

#[test]
fn every_example_is_valid_and_plans() {
    let mut tried = 0;
    for entry in std::fs::read_dir(root().join("examples")).expect("examples") {
        let folder = entry.expect("an entry").path();
        let sandbox = Sandbox::new();
        for words in [["validate"], ["plan"]] {
            let mut command = sandbox.command(words);
            let output = command.current_dir(&folder).output().expect("the binary runs");
            let said = String::from_utf8_lossy(&output.stderr);
            // There may be no engine here to look at.
            let no_engine = words[0] == "plan" && said.contains("the Docker Engine at unix:///var/run/docker.sock");
            assert!(
                output.status.success() || (folder.ends_with("docker") && no_engine),
                "{} in {}: {said}",
                words[0],
                folder.display()
            );
        }
        assert_eq!(sandbox.files("state"), Vec::<String>::new(), "planning makes nothing");
        tried += 1;
    }
    assert!(tried >= 4);
}

#[test]
fn what_init_writes_is_valid_and_plans() {
    let sandbox = Sandbox::new();
    sandbox.ok("init --name shop");
    sandbox.ok("validate");
    assert!(sandbox.ok("plan").stdout.contains("qemu.vm/web"));
    let again = sandbox.run(["init", "--name", "shop"]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("is already there"), "{}", again.stderr);
}

#[test]
fn every_test_that_holds_a_guarantee_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/guarantees.md")).expect("the guarantees");
    let mut tests = String::new();
    let mut folders = vec![root.join("tests/it")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                tests += &std::fs::read_to_string(path).expect("text");
            }
        }
    }
    let quoted: Vec<_> = text.split('`').skip(1).step_by(2).filter(|word| word.matches('_').count() > 2).collect();
    assert!(quoted.len() > 20, "{quoted:?}");
    for name in quoted {
        assert!(tests.contains(&format!("fn {name}(")), "no test is called {name}");
    }
}
