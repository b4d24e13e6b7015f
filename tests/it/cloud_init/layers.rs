//! The last two layers: what lies behind `cloud-init-url`, and on drives.

use serde_json::Value;

use super::server::Server;
use crate::support::sandbox::Sandbox;

const MACHINES: &str = "name: shop
defaults: { provider: simulated, engine: false, resources: { cpus: 2 } }
machines: { web: {}, db: {} }
";

/// What a machine would have.
fn planned(plan: &str, machine: &str, attribute: &str) -> Value {
    let plan: Value = serde_json::from_str(plan).expect("JSON");
    let step = plan["steps"].as_array().expect("steps").iter();
    let step = step.clone().find(|step| step["resource"] == format!("simulated.machine/{machine}")).expect("a step");
    let change = step["changes"].as_array().expect("changes").iter().find(|c| c["path"] == attribute).expect("it");
    change["after"].clone()
}

#[test]
fn what_lies_behind_an_address_wins_and_its_includes_stand_in_their_place() {
    let server = Server::of(&[("/b", "#cloud-config\npackages: [vim]\ncloud-machine: { resources: { ram: 4 } }\n")]);
    // The address of the server is known only now.
    let base = server.url("");
    let front = Server::new(move |_, stream| {
        let text = format!(
            "#cloud-config-archive\n- |\n  #cloud-config\n  cloud-machine: {{ resources: {{ cpus: 3, ram: 1 }} }}\n- |\n  #include\n  # more\n  {base}/b\n- '#!/bin/sh'\n"
        );
        super::server::ok(stream, "", text.as_bytes())
    });
    let sandbox = Sandbox::with(&format!("{MACHINES}cloud-init-url: {}\n", front.url("/a")));
    let plan = sandbox.ok("plan -o json").stdout;
    assert_eq!(planned(&plan, "web", "cpus"), 3);
    assert_eq!(planned(&plan, "db", "ram"), 4_u64 << 30);
}

#[test]
fn a_machine_has_an_address_of_its_own_and_the_command_line_names_the_projects() {
    let server = Server::of(&[
        ("/web", "#cloud-init\ncloud-machine:\n  resources:\n    cpus: 5\n    cloud-init-url:\n"),
        ("/all", "#cloud-config\ncloud-machine: { resources: { cpus: 4 } }\n"),
    ]);
    let text =
        MACHINES.replace("web: {}", &format!("web: {{ resources: {{ cloud-init-url: '{}' }} }}", server.url("/web")));
    let sandbox = Sandbox::with(&text);
    let plan = sandbox.ok(&format!("plan -o json --cloud-init-url {}", server.url("/all"))).stdout;
    assert_eq!((planned(&plan, "web", "cpus"), planned(&plan, "db", "cpus")), (5.into(), 4.into()));
}

#[test]
fn an_address_that_gives_nothing_usable_is_shown_where_it_is_written() {
    let server = Server::of(&[
        ("/page", "<html>Log in</html>"),
        ("/again", "#cloud-config\ncloud-machine: { cloud-init-url: 'http://127.0.0.1:1/' }\n"),
        ("/file", "#include\nfile:///etc/passwd\n"),
    ]);
    let fails = |path: &str| {
        let sandbox = Sandbox::with(&format!("{MACHINES}cloud-init-url: {}\n", server.url(path)));
        let ran = sandbox.run(["plan"]);
        assert_eq!(ran.code, 1);
        ran.stderr
    };
    let said = fails("/none");
    assert!(said.contains("answers 404 Not Found") && said.contains("Machinefile.yaml:4"), "{said}");
    let said = fails("/page");
    assert!(said.contains("begins with `<html>Log in</html>`, which is no format of cloud-init"), "{said}");
    let said = fails("/again");
    assert!(said.contains("`cloud-init-url` cannot be set by what another one gives"), "{said}");
    let said = fails("/file");
    assert!(said.contains("includes `file:///etc/passwd`, which is not a web address"), "{said}");
}

#[test]
fn includes_in_a_circle_are_named() {
    let server = Server::new(|head, stream| {
        let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
        let to = if head.contains("/a ") { "b" } else { "a" };
        super::server::ok(stream, "", format!("#include http://{host}/{to}\n").as_bytes())
    });
    let sandbox = Sandbox::with(&format!("{MACHINES}cloud-init-url: {}\n", server.url("/a")));
    let said = sandbox.run(["plan"]).stderr;
    assert!(said.contains(&format!("`{}` includes itself", server.url("/a"))), "{said}");
}

#[test]
fn validation_contacts_nobody_and_uses_the_copy_of_an_earlier_run() {
    let server = Server::of(&[("/a", "#cloud-config\ncloud-machine: { resources: { cpus: 0 } }\n")]);
    let sandbox = Sandbox::with(&format!("{MACHINES}cloud-init-url: {}\n", server.url("/a")));
    let ran = sandbox.ok("validate");
    assert!(ran.stderr.contains("was never fetched, so it is not checked"), "{}", ran.stderr);
    assert_eq!(server.asked().len(), 0);
    assert_eq!(sandbox.run(["plan"]).code, 1);
    let ran = sandbox.run(["validate"]);
    assert!(ran.code == 1 && ran.stderr.contains("cpus"), "{}", ran.stderr);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_drive_wins_over_everything_and_a_damaged_choice_is_an_error() {
    let server = Server::of(&[("/a", "#cloud-config\ncloud-machine: { resources: { cpus: 3, ram: 4 } }\n")]);
    let sandbox = Sandbox::with(&format!("{MACHINES}cloud-init-url: {}\n", server.url("/a")));
    sandbox.write("content/user-data", "#cloud-config\ncloud-machine: { resources: { cpus: 7 } }\n");
    let image = sandbox.project().join("drive.iso");
    let made = std::process::Command::new("genisoimage")
        .args(["-quiet", "-r", "-V", "CLOUD-INIT", "-o"])
        .args([&image, &sandbox.project().join("content")])
        .status();
    assert!(made.expect("genisoimage is needed: see .ci/prepare").success());
    let with = |drives: &str, verb: &[&str]| {
        let mut command = sandbox.command(verb);
        command.env_remove("MACHINE_NO_DRIVES").env("MACHINE_DRIVES", drives);
        let output = command.output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (_, plan, _) = with(image.to_str().unwrap(), &["plan", "-o", "json"]);
    assert_eq!((planned(&plan, "web", "cpus"), planned(&plan, "web", "ram")), (7.into(), (4_u64 << 30).into()));
    let (_, plan, _) = with(image.to_str().unwrap(), &["plan", "-o", "json", "--no-drives"]);
    assert_eq!(planned(&plan, "web", "cpus"), 3);
    let (done, _, said) = with("/nowhere.img", &["plan"]);
    assert!(!done && said.contains("/nowhere.img cannot be read"), "{said}");
    // What is typed counts more than a variable, here the one that keeps other tests off this computer's drives.
    let plan = sandbox.run(["plan", "-o", "json", "--drives", image.to_str().unwrap()]);
    assert_eq!(planned(&plan.stdout, "web", "cpus"), 7);
    let (_, plan, said) = with("content", &["plan", "-o", "json"]);
    assert_eq!(planned(&plan, "web", "cpus"), 3);
    assert!(said.contains("no filesystem labelled CLOUD-INIT is in content"), "{said}");
}

#[test]
fn user_data_comes_from_addresses_files_and_the_text_itself_and_fits_or_is_refused() {
    let server = Server::of(&[("/extra.sh", "#!/bin/sh\necho extra\n")]);
    let machine = |parts: &str| MACHINES.replace("web: {}", &format!("web: {{ cloud-init: {parts} }}"));
    let sandbox = Sandbox::with(&machine(&format!("['{}', own.yaml, '#!/bin/sh']", server.url("/extra.sh"))));
    sandbox.write("own.yaml", "#cloud-config\ncloud-machine: { x: 1 }\npackages: [vim]\n");
    let plan = sandbox.ok("plan -o json").stdout;
    assert_eq!(planned(&plan, "web", "user-data"), "1.0/16.0 KiB");

    sandbox.write("Machinefile.yaml", &machine("own.yaml"));
    sandbox.write("own.yaml", &format!("#!/bin/sh\n# {}\n", "x".repeat(17 << 10)));
    let ran = sandbox.run(["plan"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("the user-data is too large: 17.6/16.0 KiB"), "{}", ran.stderr);

    sandbox.write("Machinefile.yaml", &machine(&server.url("/none")));
    let said = sandbox.run(["plan"]).stderr;
    assert!(said.contains("answers 404 Not Found") && said.contains("Machinefile.yaml:3"), "{said}");
}
