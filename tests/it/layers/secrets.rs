//! Secrets are not shown.

use libmachine::config::Layer;
use libmachine::provider::DRIVERS;
use libmachine::schema;
use libmachine::value::Path;

use crate::support::project::Project;

fn schema_with_a_token() -> libmachine::value::Value {
    let mut schema = schema::machinefile(&[]);
    schema["properties"]["providers"]["additionalProperties"] = libmachine::value::json!({
        "properties": { "driver": { "type": "string" }, "token": { "type": ["string", "object"], "writeOnly": true } },
    });
    schema
}

fn project(machinefile: &str) -> Project {
    Project::new(machinefile).schema(schema_with_a_token())
}

const LITERAL: &str = "providers:\n  cloud: { driver: cloud, token: hunter2 }\n";

#[test]
fn a_literal_is_told_and_covered_up_everywhere() {
    let project = project(LITERAL)
        .user("config.yaml", "providers: { cloud: { token: hunter1 } }\n")
        .set("providers.cloud.token=hunter3");
    let config = project.config();
    let schema = schema_with_a_token();
    let everything = format!(
        "{:?}{:?}{}{}",
        config.leaves(&schema, false),
        config.warnings,
        config.dump(&schema, false, "shop"),
        project.findings()
    );
    assert!(!everything.contains("hunter"), "{everything}");
    assert!(everything.contains("<redacted>") && everything.contains("a secret is written out here"));
    assert!(config.dump(&schema, true, "shop").to_string().contains("hunter3"));
}

#[test]
fn a_reference_is_no_secret() {
    let config = project("providers: { cloud: { driver: cloud, token: { env: TOKEN } } }\n").config();
    assert!(config.warnings.is_empty());
    assert!(config.dump(&schema_with_a_token(), false, "shop").to_string().contains("{\"env\":\"TOKEN\"}"));
}

#[test]
fn what_a_variable_holds_is_covered_up_too() {
    let config =
        project("providers: { cloud: { driver: cloud, token: '${TOKEN}' } }\n").variable("TOKEN", "hunter2").config();
    assert!(config.warnings.is_empty());
    assert!(!config.dump(&schema_with_a_token(), false, "shop").to_string().contains("hunter"));
}

/// With a fault on the next line, so that the secret's line is shown beside it.
fn told(machinefile: &str) -> String {
    let project = Project::new(machinefile).schema(schema::machinefile(DRIVERS)).variable("SET", "from-a-variable");
    let shown = project.load().map(|config| config.dump(&schema::machinefile(DRIVERS), false, "shop").to_string());
    format!("{}{}", project.findings(), shown.unwrap_or_default())
}

fn token(written: &str) -> String {
    told(&format!("providers:\n  sim:\n    driver: simulated\n    token: {written}\n    latncy: 1s\n"))
}

#[test]
fn a_literal_is_one_whatever_stands_beside_it_and_whatever_its_shape() {
    for written in [
        "'${TOKEN:-hunter2}'",
        "${TOKEN:-hunter2}",
        "hunter2${SET}",
        "hunter$$2",
        "[hunter2]",
        "{ value: hunter2 }",
        "{ hunter2: }",
        "{ env: X, value: hunter2 }",
        "|\n      hunter2\n      hunter3",
        "\"hunter2\"",
    ] {
        let said = token(written);
        assert!(said.contains("latncy") && !said.contains("hunter"), "{written}: {said}");
        assert!(said.contains("a secret is written out here"), "{written}: {said}");
    }
    for written in ["'${SET}'", "${NONE:-${SET}}", "{ env: X }", "{ command: [hunter2] }"] {
        let said = token(written);
        assert!(!said.contains("a secret is written out here"), "{written}: {said}");
        assert!(!said.contains("from-a-variable"), "{written}: {said}");
    }
}

#[test]
fn a_profile_that_is_not_switched_on_hides_its_secrets_too() {
    for written in ["hunter2", "${TOKEN:-hunter2}"] {
        let said = told(&format!(
            "profiles:\n  p:\n    providers:\n      sim: {{ token: '{written}' }}\n    nmae: x\nmachines: {{ web: }}\n"
        ));
        assert!(said.contains("nmae") && !said.contains("hunter"), "{said}");
    }
}

#[test]
fn a_password_in_an_address_is_covered_wherever_it_stands() {
    for written in [
        "cloud-init-url: 'https://u:hunter2@h/x'",
        "store: { postgres: 'postgres://u:hunter2@h/d' }",
        "store: { postgres: 'mysql://u:hunter2@h/d' }",
        "defaults: { cloud-init: ['https://u:hunter/2@h/x'], engine: { options: { p: 'http://u:hunter2@proxy:3128/' } } }",
        "# https://u:hunter2@h/x",
    ] {
        let said = told(&format!("{written}\nmachnies: {{}}\n"));
        assert!(said.contains("machnies") && !said.contains("hunter"), "{written}: {said}");
        let said = told(&format!("{written}\n"));
        assert!(!said.contains("hunter") || written.starts_with('#'), "{written}: {said}");
    }
    assert!(told("cloud-init-url: 'https://u:hunter2@h:80/x@y'\n").contains("https://u:***@h:80/x@y"));
    assert!(told("cloud-init-url: 'https://h:80/x@y'\n").contains("https://h:80/x@y"));
}

#[test]
fn a_token_in_an_address_is_covered_wherever_it_stands() {
    for written in [
        "cloud-init-url: 'https://hunter2@h/x'",
        "cloud-init-url: 'https://h/x?a=1&token=hunter2'",
        "defaults: { image: { url: 'https://h/x.qcow2?X-Amz-Date=1&X-Amz-Signature=hunter2', sha256: aa } }",
        "defaults: { cloud-init: ['https://hunter2:x-oauth-basic@h/x#access_token=hunter2'] }",
        "# https://h/x?sig=hunter2",
    ] {
        let said = told(&format!("{written}\nmachnies: {{}}\n"));
        assert!(said.contains("machnies") && !said.contains("hunter"), "{written}: {said}");
        let said = told(&format!("{written}\n"));
        assert!(!said.contains("hunter"), "{written}: {said}");
    }
}

#[test]
fn what_an_option_of_another_program_calls_a_secret_is_one() {
    let options = "defaults:\n  engine:\n    options:\n      log-opts: { splunk-token: hunter2, tag: kept }\n      \
                   proxies: { http-proxy: 'http://u:hunter2@proxy:3128' }\n      labels: ['api-key=hunter2', 'a=b']\n";
    for text in [options.to_owned(), format!("{options}machnies: {{}}\n"), format!("{options}    optoins: {{}}\n")] {
        let said = told(&text);
        assert!(!said.contains("hunter"), "{text}: {said}");
    }
    let said = told(options);
    assert!(said.contains("kept") && said.contains("http://u:***@proxy:3128") && said.contains("a=b"), "{said}");
    assert!(said.contains(r#""splunk-token":"<redacted>""#), "{said}");
    let project = Project::new(options).schema(schema::machinefile(DRIVERS));
    let config = project.load().expect("settings");
    let leaves = config.leaves(&schema::machinefile(DRIVERS), false);
    assert!(!format!("{leaves:?}").contains("String(\"hunter2\")"), "each leaf by itself too");
    let shown = config.dump(&schema::machinefile(DRIVERS), true, "shop").to_string();
    assert!(shown.contains("hunter2"), "who asks for them is shown them: {shown}");
}

#[test]
fn a_text_that_cannot_be_read_is_quoted_without_its_secrets() {
    for text in [
        "providers:\n  sim: { token: hunter2, token: hunter3 }\n",
        "providers:\n  sim:\n    token: 0123456\n",
        "providers:\n  sim:\n    token: \"hunter2\n",
        "providers:\n  sim:\n    token:\n      - hunter2\n\t  - x\n",
        "x-api_key: hunter2\nmachines: [\n",
        "x: 'https://u:hunter2@h'\nmachines: [\n",
        "x: hunterZ9bY8xcW7vdU6teS5rfQ4pgP3o\nmachines: [\n",
        "x: glpat-hunter2hunter2hunter\nmachines: [\n",
        "x-pass:\n- hunter2\nmachines: [\n",
        "x: curl --password hunter2 https://h/?sig=hunter3\nmachines: [\n",
    ] {
        let said = told(text);
        let shown = ["hunter", "0123456", "0o123456"].into_iter().find(|secret| said.contains(secret));
        assert!(said.contains('×') && shown.is_none(), "{text}: {said}");
    }
    let toml =
        Project::empty().file("Machinefile.toml", "[providers.sim]\ntoken = 'hunter2'\ntoken = \"\"\"\nhunter3\n");
    let said = toml.schema(schema::machinefile(DRIVERS)).findings();
    assert!(said.contains("not TOML") && !said.contains("hunter"), "{said}");
}

#[test]
fn a_flag_that_is_wrong_is_quoted_without_what_it_sets() {
    for typed in ["providers.sim.token={hunter2", "providers.sim.tokne=hunter2", "providers.sim.token=[hunter2"] {
        let project = Project::new("providers: { sim: { driver: simulated } }\n").set(typed);
        let said = project.schema(schema::machinefile(DRIVERS)).findings();
        assert!(!said.contains("hunter"), "{typed}: {said}");
    }
}

#[test]
fn a_secret_of_a_flag_that_a_later_one_overrules_is_covered_too() {
    for path in ["providers.sim.token", "defaults.engine.options.log-opts.splunk-token"] {
        let base = "providers: { sim: { driver: simulated } }\n";
        let project = Project::new(base).set(&format!("{path}=hunter2")).set(&format!("{path}=hunter3"));
        let project = project.schema(schema::machinefile(DRIVERS));
        let said = project.findings();
        assert!(said.contains("says it again") && !said.contains("hunter"), "{path}: {said}");
        let chain = project.config().chain(&Path::parse(path), &schema::machinefile(DRIVERS), false);
        assert_eq!(chain.len(), 2, "{path}");
        assert!(chain.iter().all(|said| said.value == "<redacted>"), "{chain:?}");
    }
}

#[test]
fn what_a_guest_is_sent_is_not_shown_beside_an_error() {
    let text =
        "#cloud-config\nchpasswd: { list: 'root:hunter2' }\ncloud-machine:\n  resources: { rma: 4 }\nusers: hunter3\n";
    for text in [text, &text.replace("rma: 4", "ram: 04"), &text.replace("rma", "[")] {
        let project = Project::new("machines: { web: }\n").text(Layer::CloudInitUrl, "http://x/seed", text, None);
        let said = project.findings();
        assert!(said.contains("http://x/seed:") && !said.contains("hunter"), "{said}");
    }
    let inline = "machines:\n  web:\n    cloud-init: |\n      #cloud-config\n      password: hunter2\n    imgae: x\n";
    assert!(!told(inline).split("{\"").next().unwrap_or_default().contains("hunter"), "{}", told(inline));
}
