//! Machines and switches whose processes are there and do not fare as that looks.

use std::path::Path;
use std::sync::Arc;

use libmachine::resource::Observation;
use libmachine::value::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;

use super::cards;
use super::{World, debian, qcow2};

/// A process with `mark` among its arguments that waits to be ended.
async fn process(mark: &Path) -> tokio::process::Child {
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", "echo up; read line"]).arg(mark).kill_on_drop(true);
    let mut process = shell.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    // Its arguments can be seen once it runs, a moment after it was started.
    BufReader::new(process.stdout.as_mut().unwrap()).lines().next_line().await.unwrap();
    process
}

/// A process that passes for the machine's QEMU, which is in `status` and carries out nothing.
pub(super) struct Impostor {
    process: tokio::process::Child,
    asked: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Impostor {
    pub(super) async fn of(world: &World, status: &'static str) -> Self {
        let folder = world.folder();
        std::fs::create_dir_all(&folder).unwrap();
        let applied = json!({
            "cpus": 2, "ram": 1 << 30, "ports": {}, "disks": { "root": {} }, "cards": cards(world), "address": "10.85.0.2", "ssh": 2222, "accelerator": "tcg",
        });
        std::fs::write(folder.join("vm.json"), applied.to_string()).unwrap();
        let process = process(&folder.join("vm.pid")).await;
        std::fs::write(folder.join("vm.pid"), process.id().unwrap().to_string()).unwrap();
        let hash = hex::encode(Sha256::digest(folder.as_os_str().as_encoded_bytes()));
        let sockets = world.dirs.runtime.join(&hash[..12]);
        std::fs::create_dir_all(&sockets).unwrap();
        let listener = UnixListener::bind(sockets.join("qmp.sock")).unwrap();
        let impostor = Self { process, asked: Arc::default() };
        tokio::spawn(Self::answer(listener, status, impostor.asked.clone()));
        impostor
    }

    async fn answer(listener: UnixListener, status: &str, asked: Arc<std::sync::Mutex<Vec<String>>>) {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            let _ = write.write_all(b"{\"QMP\": {}}\n").await;
            while let Ok(Some(line)) = lines.next_line().await {
                let command: Value = serde_json::from_str(&line).unwrap();
                asked.lock().unwrap().push(command["execute"].as_str().unwrap().to_owned());
                let _ = write.write_all(format!("{}\n", json!({ "return": { "status": status } })).as_bytes()).await;
            }
        }
    }

    fn was_asked(&self, command: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|asked| asked == command)
    }

    pub(super) async fn end(&mut self) {
        self.process.kill().await.unwrap();
    }

    pub(super) fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }
}

#[tokio::test]
async fn a_machine_is_as_its_qemu_says_and_not_as_its_process_looks() {
    for (status, power) in [
        ("running", "running"),
        ("paused", "paused"),
        ("io-error", "paused"),
        ("guest-panicked", "stopped"),
        ("internal-error", "stopped"),
    ] {
        let world = World::new();
        let _qemu = Impostor::of(&world, status).await;
        let vm = world.resource(&debian(), "qemu.vm/web");
        let Observation::Present(seen) = vm.read(&world.context()).await else { panic!("not there") };
        assert_eq!(seen["power"], json!(power), "{status}");
    }
}

#[tokio::test]
async fn a_machine_that_ran_into_a_full_disk_goes_on() {
    let world = World::new();
    let mut qemu = Impostor::of(&world, "io-error").await;
    world.resource(&debian(), "qemu.vm/web").update(&world.context(), &[]).await.unwrap();
    assert!(qemu.was_asked("cont") && qemu.runs());
}

#[tokio::test]
async fn a_request_to_stop_does_not_cut_the_power_under_a_disk_of_data() {
    let (world, cx) = (World::new(), World::new().context());
    let mut qemu = Impostor::of(&world, "running").await;
    std::fs::write(world.folder().join("data.qcow2"), qcow2(0)).unwrap();
    cx.cancel.cancel();
    let vm = world.resource(&debian(), "qemu.vm/web");
    assert_eq!(vm.delete(&cx).await.unwrap_err().message, "stopped on request");
    assert!(qemu.runs() && !qemu.was_asked("quit"));
    std::fs::remove_file(world.folder().join("data.qcow2")).unwrap();
    vm.delete(&cx).await.unwrap();
    assert!(!qemu.runs(), "without one there is nothing to save");
}

#[tokio::test]
async fn a_switch_whose_sockets_were_wiped_counts_as_stopped() {
    let (world, cx) = (World::new(), World::new().context());
    let folder = world.dirs.data.join("shop/local/.segment");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("segment.json"), json!({ "addresses": "10.85.0.0/16" }).to_string()).unwrap();
    let process = process(&folder).await;
    std::fs::write(folder.join("switch.pid"), process.id().unwrap().to_string()).unwrap();
    let hash = hex::encode(Sha256::digest(folder.as_os_str().as_encoded_bytes()));
    let sockets = world.dirs.runtime.join(&hash[..12]);
    std::fs::create_dir_all(&sockets).unwrap();
    std::fs::write(sockets.join("switch.sock"), "").unwrap();
    let segment = world.resource(&debian(), "qemu.segment/local");
    for power in ["running", "stopped"] {
        let Observation::Present(seen) = segment.read(&cx).await else { panic!("not there") };
        assert_eq!(seen["power"], json!(power));
        std::fs::remove_dir_all(&world.dirs.runtime).unwrap_or_default();
    }
}
