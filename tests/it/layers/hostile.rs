//! Input that means harm, or is as wrong as if it did: a clear answer, soon.

use std::fmt::Write;
use std::time::{Duration, Instant};

use libmachine::config::Layer;

use crate::support::project::Project;

#[track_caller]
fn refused(project: &Project, word: &str) {
    let start = Instant::now();
    let findings = project.findings();
    assert!(findings.contains(word), "{}", findings.chars().take(2000).collect::<String>());
    assert!(start.elapsed() < Duration::from_mins(1), "took {:?}", start.elapsed());
}

#[test]
fn a_file_of_a_hundred_megabytes_is_not_read() {
    let project = Project::new("");
    std::fs::File::create(project.path().join("Machinefile")).and_then(|file| file.set_len(100 << 20)).expect("a file");
    refused(&project, "is larger than");
}

#[test]
fn an_endless_file_is_not_read_to_its_end() {
    refused(&Project::empty().layer("/dev/zero"), "is larger than");
}

#[test]
fn a_number_that_is_none() {
    for ram in [".nan", ".inf", "-.inf", "-1", "0"] {
        let project = Project::new(&format!("machines: {{ web: {{ resources: {{ ram: {ram} }} }} }}\n"));
        let said = project.findings();
        assert!(said.contains("`ram` is") && said.contains("Machinefile:1:"), "{ram}: {said}");
    }
    refused(&Project::new("machines: { web: }\n").set("machines.web.resources.ram=.nan"), "`ram` is");
}

#[test]
fn nesting_without_end_on_the_command_line_and_in_variables() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(&Project::new("").set(&format!("defaults.ports={deep}")), "--set");
    refused(&Project::new("").variable("MACHINE__DEFAULTS__PORTS", &deep), "MACHINE__DEFAULTS__PORTS");
    let path = vec!["a"; 10_000].join(".");
    refused(&Project::new(&format!("exclude: ['{path}']\n")), "nested deeper");
    refused(&Project::new("").set(&format!("defaults.engine.options.{path}=1")), "nested deeper");
}

#[test]
fn bytes_that_are_no_text_in_any_layer() {
    let project = Project::new("").file("../etc/config.yaml", b"a: \xff\n");
    refused(&project, "is not UTF-8");
    refused(
        &Project::new("").file("part.toml", b"a = '\xfe'\n").file("Machinefile", "include: [part.toml]\n"),
        "is not UTF-8",
    );
}

#[test]
fn aliases_of_aliases_in_what_a_url_gave() {
    let mut text = String::from("#cloud-config\nx0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..12 {
        let names = vec![format!("*x{}", level - 1); 10].join(", ");
        writeln!(text, "x{level}: &x{level} [{names}]").expect("fits");
    }
    refused(&Project::new("").text(Layer::CloudInitUrl, "u", &text, None), "aliases expand to more than");
}

#[test]
fn as_many_files_as_a_folder_holds() {
    let project = (0..300).fold(Project::new(""), |project, n| project.user(&format!("config.d/{n}.yaml"), "{}"));
    refused(&project, "one file too many");
}
