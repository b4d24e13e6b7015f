//! Texts that cannot be read.

use std::fmt::Write;
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use super::findings;
use crate::support::project::Project;

#[test]
fn a_tab_in_yaml() {
    assert_snapshot!(findings("machines:\n\tweb: {}\n"), @r"
     × a tab cannot indent YAML
      ╭─[Machinefile:2:1]
    1 │ machines:
    2 │     web: {}
      · ──┬─
      ·   ╰── here
      ╰────
     help: indent with spaces
    ");
}

#[test]
fn a_key_written_twice() {
    assert_snapshot!(findings("machines:\n  web: {}\n  db: {}\n  web: {}\n"), @r"
     × key `web` appears twice
      ╭─[Machinefile:4:3]
    1 │ machines:
    2 │   web: {}
      ·   ─┬─
      ·    ╰── first here
    3 │   db: {}
    4 │   web: {}
      ·   ─┬─
      ·    ╰── here
      ╰────
     help: remove one of them
    ");
}

#[test]
fn an_unset_variable() {
    assert_snapshot!(findings("name: shop\nmachines:\n  web: { image: \"img-${RELEASE}\" }\n"), @r#"
     × variable `RELEASE` is not set
      ╭─[Machinefile:3:22]
    2 │ machines:
    3 │   web: { image: "img-${RELEASE}" }
      ·                      ─────┬────
      ·                           ╰── here
      ╰────
     help: set it, or give a default: `${RELEASE:-default}`
    "#);
}

#[test]
fn a_variable_with_a_reason() {
    assert_snapshot!(findings("machines:\n  web: { image: \"${RELEASE:?which one is up to you}\" }\n"), @r#"
     × variable `RELEASE` is not set: which one is up to you
      ╭─[Machinefile:2:18]
    1 │ machines:
    2 │   web: { image: "${RELEASE:?which one is up to you}" }
      ·                  ─────────────────┬────────────────
      ·                                   ╰── here
      ╰────
     help: set `RELEASE` in the environment
    "#);
}

#[test]
fn an_integer_with_a_leading_zero() {
    assert_snapshot!(findings("defaults:\n  engine: { options: { mode: 0644 } }\n"), @r"
     × `0644` is read as octal by some programs and as decimal by others
      ╭─[Machinefile:2:30]
    1 │ defaults:
    2 │   engine: { options: { mode: 0644 } }
      ·                              ──┬─
      ·                                ╰── here
      ╰────
     help: quote it for text, or write `0o644` for an octal number
    ");
}

#[test]
fn a_tag_that_means_nothing_here() {
    assert_snapshot!(findings("machines: !secret\n  web:\n"), @r"
     × tag `!secret` is not known here
      ╭─[Machinefile:1:11]
    1 │ machines: !secret
      ·           ───┬───
      ·              ╰── here
    2 │   web:
      ╰────
     help: remove it: `!reset` and `!override` are the only ones
    ");
}

#[test]
fn a_second_document() {
    assert_snapshot!(findings("machines:\n---\nmachines:\n"), @r"
     × a second document in one file
      ╭─[Machinefile:2:1]
    1 │ machines:
    2 │ ---
      · ─┬─
      ·  ╰── here
    3 │ machines:
      ╰────
     help: keep one document per file; several files are layered with `-f FILE -f FILE`
    ");
}

#[test]
fn a_list_instead_of_settings() {
    assert_snapshot!(findings("- web\n- db\n"), @r"
     × a Machinefile is a map of settings
      ╭─[Machinefile:1:1]
    1 │ - web
      · ──┬──
      ·   ╰── here
    2 │ - db
      ╰────
     help: begin with `machines:` and a machine's name below it
    ");
}

#[test]
fn aliases_of_aliases_are_stopped_early() {
    let mut text = String::from("x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..12 {
        let names = vec![format!("*x{}", level - 1); 10].join(", ");
        writeln!(text, "x-{level}: &x{level} [{names}]").expect("fits");
    }
    let start = Instant::now();
    assert_snapshot!(findings(&text), @r"
     × aliases expand to more than 500000 values
      ╭─[Machinefile:6:26]
    5 │ x-4: &x4 [*x3, *x3, *x3, *x3, *x3, *x3, *x3, *x3, *x3, *x3]
    6 │ x-5: &x5 [*x4, *x4, *x4, *x4, *x4, *x4, *x4, *x4, *x4, *x4]
      ·                          ─┬─
      ·                           ╰── here
    7 │ x-6: &x6 [*x5, *x5, *x5, *x5, *x5, *x5, *x5, *x5, *x5, *x5]
      ╰────
     help: aliases of aliases multiply: name fewer of them
    ");
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}

#[test]
fn nesting_without_end() {
    let deep = |n: usize| format!("x-a: {}{}\n", "[".repeat(n), "]".repeat(n));
    assert_snapshot!(findings(&deep(70)), @r"
     × nested deeper than 64 levels
      ╭─[Machinefile:1:69]
    1 │ x-a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
      ·                                                                     ┬
      ·                                                                     ╰── here
      ╰────
    ");
    assert!(findings(&deep(100_000)).contains("not YAML"), "{}", findings(&deep(100_000)));
}

#[test]
fn nesting_without_end_in_toml() {
    let findings = |text: String| Project::empty().file("Machinefile.toml", text).findings();
    assert!(findings(format!("x-a = {}{}\n", "[".repeat(100_000), "]".repeat(100_000))).contains("not TOML"));
    assert!(findings(format!("x-a.{} = 1\n", ["b"; 70].join("."))).contains("nested deeper than 64 levels"));
}

#[test]
fn an_alias_within_what_it_names() {
    assert_snapshot!(findings("x-a: &a [1, *a]\n"), @r"
     × this alias stands inside what it names
      ╭─[Machinefile:1:13]
    1 │ x-a: &a [1, *a]
      ·             ─┬
      ·              ╰── here
      ╰────
    ");
}

#[test]
fn bytes_that_are_not_utf_8() {
    let project = Project::empty().file("Machinefile", b"name: shop\nmachines:\n  caf\xe9:\n");
    assert_snapshot!(project.findings(), @r"
     × byte 0xe9 is not UTF-8
      ╭─[Machinefile:3:6]
    2 │ machines:
    3 │   caf�:
      ·      ┬
      ·      ╰── here
      ╰────
     help: save the file in UTF-8
    ");
}

#[test]
fn two_machinefiles_in_one_folder() {
    let project = Project::new("machines:\n").file("Machinefile.toml", "");
    assert_snapshot!(project.findings(), @r"
    × two Machinefiles in one folder: `Machinefile` and `Machinefile.toml`
    help: keep one of them, or name the one you mean with `-f FILE`
    ");
}

#[test]
fn no_machinefile_at_all() {
    assert_snapshot!(Project::empty().findings(), @r"
    × no Machinefile in `[DIR]/shop` or a folder above it
    help: write one with `machine init`, or name a file with `-f FILE`
    ");
}

#[test]
fn a_file_that_is_not_there() {
    assert_snapshot!(Project::empty().layer("other.yaml").findings(), @r"
    × cannot read `other.yaml`
    ╰─▶ No such file or directory (os error 2)
    ");
}

#[test]
fn several_syntax_errors_of_toml() {
    let project = Project::empty().file("Machinefile.toml", "name = shop\n[machines.web]\ncount = = 2\n");
    assert_snapshot!(project.findings(), @r"
     × not TOML: string values must be quoted, expected literal string
      ╭─[Machinefile.toml:1:8]
    1 │ name = shop
      ·        ──┬─
      ·          ╰── here
    2 │ [machines.web]
      ╰────

     × not TOML: extra `=`, expected nothing
      ╭─[Machinefile.toml:3:9]
    2 │ [machines.web]
    3 │ count = = 2
      ·         ┬
      ·         ╰── here
      ╰────

     × not TOML: unexpected key or value, expected newline, `#`
      ╭─[Machinefile.toml:3:11]
    2 │ [machines.web]
    3 │ count = = 2
      ·           ▲
      ·           ╰── here
      ╰────
    ");
}
