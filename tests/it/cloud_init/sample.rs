//! The roadmap's own sample of a cloud-config that describes its machine.

use insta::{allow_duplicates, assert_snapshot};

use super::server::Server;
use crate::support::sandbox::Sandbox;

/// As it was published, but for one line that stood too deep to be YAML.
const SAMPLE: &str = "cloud-machine:
  resources:
    ram: 3.3          # GB, floating point, will be rounded up to next available unit from driver
    cpus: 2
    disks:
      volume1:
        devicepath: /dev/sda
        allocation: 20GB
        filesystem: zfs
        kernel-module: zfs
        overwrite:
        wipe-on-boot:
        boot-partition: true
      volume2:
        devicepath: /dev/sr1
        readonly: true
        filesystem: iso9660
    nic:
    cloud-init-url:

rancher:

docker:

...
";

fn serving(text: String) -> Server {
    Server::new(move |_, stream| super::server::ok(stream, "", text.as_bytes()))
}

fn project(server: &Server) -> Sandbox {
    Sandbox::with(&format!(
        "name: sample\ncloud-init-url: {}\nmachines:\n  web: {{ provider: qemu, resources: {{ cpus: 1 }} }}\n",
        server.url("/sample")
    ))
}

#[test]
fn the_sample_describes_every_machine_and_what_it_leaves_open_is_inherited() {
    for header in ["#cloud-init", "#cloud-config"] {
        let server = serving(format!("{header}\n{SAMPLE}"));
        let sandbox = project(&server);
        let dump = sandbox.ok("audit --dump-config").stdout.replace(&server.url("/sample"), "URL");
        allow_duplicates!(assert_snapshot!(dump, @r#"
        cloud-init-url: "URL"
        defaults:
          resources:
            cpus: 2
            disks:
              volume1:
                allocation: "20GB"
                boot-partition: true
                devicepath: /dev/sda
                filesystem: zfs
                kernel-module: zfs
              volume2:
                devicepath: /dev/sr1
                filesystem: iso9660
                readonly: true
            ram: 3.3
        machines:
          web:
            provider: qemu
            resources:
              cpus: 1
        name: sample
        "#));
        let plan = sandbox.ok("plan").stdout;
        assert!(plan.contains("3.3 GB of memory → 3380 MiB"), "{plan}");
        assert!(plan.contains("host.filesystem/web.volume2"), "{plan}");
    }
}

#[test]
fn what_the_driver_leaves_aside_of_the_sample_is_told_at_its_line() {
    let server = serving(format!("#cloud-init\n{SAMPLE}"));
    let said = project(&server).ok("plan").stderr;
    for (setting, line) in [("devicepath", 8), ("filesystem", 10), ("kernel-module", 11)] {
        assert!(said.contains(&format!("driver `qemu` ignores `resources.disks.volume1.{setting}`")), "{said}");
        assert!(said.contains(&format!("{}:{line}:", server.url("/sample"))), "{said}");
    }
}

#[test]
fn the_sample_as_it_was_published_is_no_yaml_and_the_line_is_named() {
    let deep = SAMPLE.replace("        kernel-module: zfs", "          kernel-module: zfs");
    let server = serving(format!("#cloud-init\n{deep}"));
    let ran = project(&server).run(["plan"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains(&format!("{}:11:", server.url("/sample"))), "{}", ran.stderr);
}
