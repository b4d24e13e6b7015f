//! What goes wrong on a user's computer: each a clear error, nothing lost, and the next run goes on.

use std::net::TcpListener;
use std::process::Command;

use crate::support::sandbox::{Ran, Sandbox};

/// A boot sector that says this on the serial line and stops: a guest that never answers.
const LAST_WORDS: &str = "no init found, try passing init=\r\n";

fn boot_sector() -> Vec<u8> {
    // xor ax,ax; mov ds,ax; mov si,text; next: lodsb; test al,al; jz stop; mov dx,0x3f8; out dx,al; jmp next; stop: hlt; jmp stop
    let code = [
        0x31, 0xc0, 0x8e, 0xd8, 0xbe, 0x40, 0x7c, 0xac, 0x84, 0xc0, 0x74, 0x06, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf5,
        0xf4, 0xeb, 0xfd,
    ];
    let mut sector = vec![0; 1 << 20];
    sector[..code.len()].copy_from_slice(&code);
    sector[0x40..0x40 + LAST_WORDS.len()].copy_from_slice(LAST_WORDS.as_bytes());
    sector[510..512].copy_from_slice(&[0x55, 0xaa]);
    sector
}

fn mute_machine(more: &str) -> Sandbox {
    let machinefile = format!(
        "name: mute\nmachines:\n  web:\n    image: {{ path: ./mute.img }}\n    engine: false\n    ssh: {{ wait: 1s }}\n    resources: {{ ram: 0.25, cpus: 1 }}\n{more}"
    );
    let sandbox = Sandbox::with(&machinefile).sharing_images();
    std::fs::write(sandbox.project().join("mute.img"), boot_sector()).expect("a file");
    sandbox
}

fn assert_failed(ran: &Ran, says: &[&str]) {
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    for text in says {
        assert!(ran.stderr.contains(text), "`{text}` is missing from:\n{}", ran.stderr);
    }
}

#[test]
fn a_guest_that_never_answers_fails_with_the_end_of_its_console() {
    let sandbox = mute_machine("");
    let up = sandbox.run(["up", "-y"]);
    assert_failed(
        &up,
        &["host/web: no SSH after", "│ no init found, try passing init=", "to go on from here: machine up"],
    );
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("host/web") && !plan.contains("qemu.vm/web "), "only the host is left to do: {plan}");
    sandbox.ok("destroy -y");
    assert_eq!(sandbox.files("data"), Vec::<String>::new());
}

#[test]
fn a_port_in_use_is_named_and_the_next_run_goes_on() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let sandbox = mute_machine(&format!("    ports: [\"{port}:80\"]\n"));
    let up = sandbox.run(["up", "-y"]);
    assert_failed(&up, &["qemu.vm/web", &port.to_string(), "skipped host/web, because qemu.vm/web failed"]);
    drop(taken);
    let again = sandbox.run(["up", "-y"]);
    assert_failed(&again, &["host/web: no SSH after"]);
    sandbox.ok("destroy -y");
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "the port is free again");
}

#[test]
fn without_qemu_the_error_says_what_to_install() {
    let sandbox = mute_machine("");
    let output = sandbox.command(["up", "-y"]).env("PATH", "/nowhere").output().expect("the binary runs");
    assert_failed(&output.into(), &["qemu", "install"]);
    sandbox.ok("destroy -y");
}

#[test]
fn an_image_from_nowhere_fails_with_its_address() {
    let sandbox = Sandbox::with(&format!(
        "name: far\nmachines:\n  web:\n    image: {{ url: \"http://127.0.0.1:9/disk.qcow2\", sha256: \"{}\" }}\n    engine: false\n",
        "0".repeat(64)
    ));
    let up = sandbox.run(["up", "-y"]);
    assert_failed(&up, &["qemu.image/", "127.0.0.1:9", "skipped qemu.vm/web"]);
    sandbox.ok("destroy -y");
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing_half_made() {
    let sandbox = mute_machine("");
    let data = sandbox.home().join("data");
    std::fs::create_dir_all(&data).expect("a folder");
    let machine = sandbox.command(["up", "-y"]);
    let (disk, binary) = (data.display(), env!("CARGO_BIN_EXE_machine"));
    let script = format!(
        "mount -t tmpfs -o size=64k none {disk} || exit 2
        {binary} up -y 2>first.log && exit 3
        mount -o remount,size=64m {disk} || exit 4
        {binary} up -y; code=$?
        {binary} destroy -y >/dev/null 2>&1 || exit 5
        [ -z \"$(find {disk} -type f)\" ] || exit 6
        exit $code"
    );
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]).current_dir(sandbox.project()).env_clear();
    for (name, value) in machine.get_envs() {
        command.env(name, value.expect("only set, never removed"));
    }
    let again: Ran = command.stdin(std::process::Stdio::null()).output().expect("unshare runs").into();
    let first = std::fs::read_to_string(sandbox.project().join("first.log")).expect("the first run's words");
    assert!(first.contains("No space left on device"), "{first}");
    assert_failed(&again, &["host/web: no SSH after"]);
}

#[test]
fn a_machine_killed_behind_our_back_is_seen_as_stopped() {
    let sandbox = mute_machine("");
    sandbox.run(["up", "-y"]);
    let list = sandbox.ok("ls -o json").stdout;
    assert!(list.contains("\"state\": \"running\""), "{list}");
    sandbox.ok("kill web");
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("power  stopped → running"), "{plan}");
    sandbox.ok("start web");
    let list = sandbox.ok("ls -o json").stdout;
    assert!(list.contains("\"state\": \"running\""), "{list}");
    sandbox.ok("destroy -y");
    assert_eq!(sandbox.files("data"), Vec::<String>::new());
}

#[test]
fn a_lost_state_folder_costs_a_new_key_and_a_restart_that_lets_it_in() {
    let sandbox = mute_machine("");
    sandbox.run(["up", "-y"]);
    std::fs::remove_dir_all(sandbox.home().join("state")).expect("a state folder");
    let plan = sandbox.ok("plan").stdout;
    insta::assert_snapshot!(plan, @"
      + ssh.key/mute  create  new
      ~ qemu.seed/web update  not as the Machinefile asks · the machine lets it in at its next start
            project-key  another one is let in → let in
      ~ qemu.vm/web   update  not as the Machinefile asks · restarts the machine to let the project's new key in
            project-key  another one is let in → let in
      ? host/web seen once qemu.vm/web is done
      ? host.filesystem/web.root seen once qemu.vm/web is done
      ? host.names/web seen once qemu.vm/web is done

    Plan: 1 to create, 2 to change, 0 to replace, 0 to delete, 3 to be seen; 3 resources unchanged.
    ");
    sandbox.ok("kill web");
    sandbox.run(["up", "-y"]);
    let plan = sandbox.ok("plan").stdout;
    assert!(plan.contains("host/web") && !plan.contains("qemu.vm/web ") && !plan.contains("ssh.key"), "{plan}");
    sandbox.ok("destroy -y");
    assert_eq!(sandbox.files("data"), Vec::<String>::new());
}
