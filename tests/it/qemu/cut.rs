//! The real program, killed by the system in the middle of what it does to files: the next run finishes it.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::support::sandbox::Sandbox;

const UP: &str = "up -y --target qemu.seed/web --target qemu.disk/web.root --target qemu.segment/qemu";

fn project() -> Sandbox {
    let sandbox = Sandbox::with("name: shop\nmachines: { web: { image: { path: small.qcow2 } } }\n");
    let image = sandbox.project().join("small.qcow2");
    let made = Command::new("qemu-img").args(["create", "-q", "-f", "qcow2"]).arg(image).arg("1M").status();
    assert!(made.expect("qemu-img runs").success());
    sandbox
}

/// Runs `machine` with these words. The `nth` such call that one of its threads makes kills it, if it comes to that.
fn is_killed(sandbox: &Sandbox, words: &str, call: &str, nth: usize) -> bool {
    let machine = sandbox.command(words.split(' '));
    let mut traced = Command::new("strace");
    traced.args(["-f", "-b", "execve", "-qq", "-o", "/dev/null", "-e", &format!("trace=?{call}")]);
    traced.args(["-e", &format!("inject=?{call}:signal=SIGKILL:when={nth}")]);
    traced.arg(machine.get_program()).args(machine.get_args());
    traced.current_dir(sandbox.project()).env_clear().envs(machine.get_envs().filter_map(|(k, v)| Some((k, v?))));
    let ran = traced.stdin(Stdio::null()).output().expect("strace runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() || ran.status.signal() == Some(9), "{words}, {call} {nth}: {}: {said}", ran.status);
    !ran.status.success()
}

fn deletes_in_spite_of(call: &str) -> usize {
    for nth in 1.. {
        let sandbox = project();
        sandbox.ok(UP);
        let cut = is_killed(&sandbox, "destroy -y", call, nth);
        if nth % 2 == 0 {
            _ = std::fs::remove_dir_all(sandbox.home().join("state"));
        }
        sandbox.ok("destroy -y");
        sandbox.assert_nothing_left();
        if !cut {
            return nth - 1;
        }
    }
    unreachable!("a run ends")
}

#[test]
fn nothing_is_left_of_a_project_whose_removal_was_cut_at_any_file_be_its_records_lost_or_not() {
    let cuts = ["unlink", "unlinkat", "rmdir"].map(deletes_in_spite_of);
    assert!(cuts.iter().sum::<usize>() > 10, "{cuts:?}");
}

#[test]
fn a_project_whose_making_was_cut_at_any_file_is_finished_and_leaves_nothing() {
    let mut cuts = 0;
    for call in ["mkdir", "rename", "symlink"] {
        for nth in 1.. {
            let sandbox = project();
            let cut = is_killed(&sandbox, UP, call, nth);
            cuts += usize::from(cut);
            if nth % 2 == 0 {
                sandbox.ok(UP);
                let plan = sandbox.ok(&UP.replace("up -y", "plan")).stdout;
                assert!(plan.contains("\nNo changes: "), "{call} {nth}: {plan}");
            }
            sandbox.ok("destroy -y");
            sandbox.assert_nothing_left();
            if !cut {
                break;
            }
        }
    }
    assert!(cuts > 10, "{cuts}");
}
