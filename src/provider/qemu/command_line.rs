//! A machine as QEMU's arguments: pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::desired::Forward;
use crate::provider::qemu::accelerator::Accelerator;
use crate::provider::qemu::binary::Arch;
use crate::provider::qemu::card::Card;
use crate::provider::qemu::disk::ROOT;
use crate::provider::qemu::drive::{DISC_BUS, Drive};
use crate::provider::qemu::monitor::rule;
use crate::provider::qemu::plug;

/// Everything that QEMU is told.
#[derive(Clone, Debug)]
pub(super) struct Spec<'a> {
    pub(super) name: &'a str,
    pub(super) arch: Arch,
    pub(super) accelerator: Accelerator,
    pub(super) cpus: u32,
    /// Bytes.
    pub(super) ram: u64,
    /// Where the machine's files are.
    pub(super) folder: &'a Path,
    pub(super) monitor: &'a Path,
    /// `root` among them, which is always the first.
    pub(super) disks: &'a BTreeMap<String, Drive>,
    pub(super) slots: u8,
    /// Disks that are in a slot.
    pub(super) plugged: &'a BTreeMap<String, u8>,
    /// SSH among them.
    pub(super) forwards: &'a [Forward],
    pub(super) cards: &'a [Card; 2],
    /// Its own socket on the segment and the switch's.
    pub(super) segment: [PathBuf; 2],
    /// Whether kernel and initial RAM disk lie beside the disks.
    pub(super) direct: bool,
}

pub(super) const PID: &str = "vm.pid";
pub(super) const CONSOLE: &str = "console.log";

pub(super) fn arguments(spec: &Spec<'_>) -> Vec<String> {
    let mut line = Line(Vec::new());
    line.add("-name", format!("guest={0},process=machine-{0}", spec.name));
    line.flag("-nodefaults").flag("-no-user-config");
    line.add("-display", "none").add("-machine", spec.arch.machine());
    line.add("-accel", accelerator(spec.accelerator)).add("-cpu", processor(spec.accelerator));
    line.add("-smp", spec.cpus.to_string()).add("-m", format!("{}k", spec.ram / 1024));
    if spec.arch == Arch::Arm && !spec.direct {
        line.add("-bios", "edk2-aarch64-code.fd");
    }
    for slot in plug::slots(spec.slots) {
        line.add("-device", slot);
    }
    drives(&mut line, spec);
    line.add("-device", "virtio-rng-pci");
    networks(&mut line, spec);
    if spec.direct {
        line.add("-kernel", path(&spec.folder.join("vmlinuz"))).add("-initrd", path(&spec.folder.join("initrd.img")));
        line.add("-append", kernel_arguments(spec));
    }
    let console = escaped(&spec.folder.join(CONSOLE));
    line.add("-chardev", format!("file,id=console,path={console},append=on")).add("-serial", "chardev:console");
    line.add("-qmp", format!("unix:{},server=on,wait=off", escaped(spec.monitor)));
    line.add("-pidfile", path(&spec.folder.join(PID))).flag("-daemonize");
    line.0
}

const fn accelerator(accelerator: Accelerator) -> &'static str {
    match accelerator {
        Accelerator::Kvm => "kvm",
        Accelerator::Hvf => "hvf",
        // One thread of the computer for each processor of the guest.
        Accelerator::Tcg => "tcg,thread=multi",
    }
}

const fn processor(accelerator: Accelerator) -> &'static str {
    match accelerator {
        Accelerator::Kvm | Accelerator::Hvf => "host",
        Accelerator::Tcg => "max",
    }
}

/// The root disk first, so that it is the guest's first disk; the seed last.
fn drives(line: &mut Line, spec: &Spec<'_>) {
    if spec.disks.values().any(Drive::is_disc) {
        line.add("-device", format!("virtio-scsi-pci,id={DISC_BUS}"));
    }
    let (root, others): (Vec<_>, Vec<_>) = spec.disks.iter().partition(|(name, _)| *name == ROOT);
    for (name, drive) in root.into_iter().chain(others) {
        if let Some(backend) = drive.backend(name, spec.folder) {
            line.add("-drive", backend);
        }
        line.add("-device", drive.device(name, spec.plugged.get(name).copied()));
    }
    let seed = escaped(&spec.folder.join("seed.img"));
    line.add("-drive", format!("if=none,id=seed,file={seed},format=raw,readonly=on"));
    line.add("-device", "virtio-blk-pci,drive=seed,serial=machine-seed");
}

fn networks(line: &mut Line, spec: &Spec<'_>) {
    let user: Vec<_> = std::iter::once("user,id=user".to_owned())
        .chain(spec.forwards.iter().map(|forward| format!("hostfwd={}", rule(forward))))
        .collect();
    let [own, switch] = spec.segment.each_ref().map(|socket| escaped(socket));
    let [world, segment] = spec.cards;
    line.add("-netdev", user.join(","));
    line.add("-device", world.device("user"));
    let ends = format!("local.type=unix,local.path={own},remote.type=unix,remote.path={switch}");
    line.add("-netdev", format!("dgram,id=segment,{ends}"));
    line.add("-device", segment.device("segment"));
}

fn kernel_arguments(spec: &Spec<'_>) -> String {
    let console = spec.arch.console();
    let base = format!("root=/dev/vda rootfstype=ext4 rw console={console} quiet systemd.show_status=false");
    match spec.accelerator {
        // Emulated processors have no speculation to be protected from.
        Accelerator::Tcg => format!("{base} mitigations=off"),
        Accelerator::Kvm | Accelerator::Hvf => base,
    }
}

struct Line(Vec<String>);

impl Line {
    fn flag(&mut self, name: &str) -> &mut Self {
        self.0.push(name.to_owned());
        self
    }

    fn add(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.extend([name.to_owned(), value.into()]);
        self
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// A path inside an option list, where a comma would end it.
fn escaped(value: &Path) -> String {
    path(value).replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::Protocol;

    fn line(accelerator: Accelerator, direct: bool) -> String {
        let forward = Forward { address: [127, 0, 0, 1].into(), port: 2222, target: 22, protocol: Protocol::Tcp };
        let drives: BTreeMap<_, _> = ["data", "root"].map(|name| (name.to_owned(), Drive::default())).into();
        let (slots, plugged) = plug::arrange(&drives);
        let card = |mac: &str| serde_json::from_value(crate::value::json!({ "model": "virtio", "mac": mac })).unwrap();
        let cards = [card("52:54:00:00:00:00"), card("52:54:00:00:00:01")];
        let spec = Spec {
            name: "web",
            arch: Arch::X86,
            accelerator,
            cpus: 2,
            ram: 1 << 30,
            folder: Path::new("/d,ata"),
            monitor: Path::new("/run/qmp.sock"),
            disks: &drives,
            slots,
            plugged: &plugged,
            forwards: &[forward],
            cards: &cards,
            segment: ["/run/a.port".into(), "/run/switch.sock".into()],
            direct,
        };
        arguments(&spec).join(" ").replace(" -", "\n-")
    }

    #[test]
    fn a_machine_as_arguments() {
        insta::assert_snapshot!(line(Accelerator::Tcg, true), @r"
        -name guest=web,process=machine-web
        -nodefaults
        -no-user-config
        -display none
        -machine q35
        -accel tcg,thread=multi
        -cpu max
        -smp 2
        -m 1048576k
        -device pcie-root-port,id=slot-1,chassis=1,slot=1,addr=0x10.0,multifunction=on
        -device pcie-root-port,id=slot-2,chassis=2,slot=2,addr=0x10.1,multifunction=on
        -device pcie-root-port,id=slot-3,chassis=3,slot=3,addr=0x10.2,multifunction=on
        -device pcie-root-port,id=slot-4,chassis=4,slot=4,addr=0x10.3,multifunction=on
        -device pcie-root-port,id=slot-5,chassis=5,slot=5,addr=0x10.4,multifunction=on
        -device pcie-root-port,id=slot-6,chassis=6,slot=6,addr=0x10.5,multifunction=on
        -device pcie-root-port,id=slot-7,chassis=7,slot=7,addr=0x10.6,multifunction=on
        -device pcie-root-port,id=slot-8,chassis=8,slot=8,addr=0x10.7,multifunction=on
        -device pcie-root-port,id=slot-9,chassis=9,slot=9,addr=0x11.0,multifunction=on
        -drive if=none,id=disk-root,file=/d,,ata/root.qcow2,format=qcow2,discard=unmap
        -device virtio-blk-pci,drive=disk-root,serial=root
        -drive if=none,id=disk-data,file=/d,,ata/data.qcow2,format=qcow2,discard=unmap
        -device virtio-blk-pci,drive=disk-data,serial=data,id=plugged-data,bus=slot-1
        -drive if=none,id=seed,file=/d,,ata/seed.img,format=raw,readonly=on
        -device virtio-blk-pci,drive=seed,serial=machine-seed
        -device virtio-rng-pci
        -netdev user,id=user,hostfwd=tcp:127.0.0.1:2222-:22
        -device virtio-net-pci,netdev=user,mac=52:54:00:00:00:00,romfile=
        -netdev dgram,id=segment,local.type=unix,local.path=/run/a.port,remote.type=unix,remote.path=/run/switch.sock
        -device virtio-net-pci,netdev=segment,mac=52:54:00:00:00:01,romfile=
        -kernel /d,ata/vmlinuz
        -initrd /d,ata/initrd.img
        -append root=/dev/vda rootfstype=ext4 rw console=ttyS0 quiet systemd.show_status=false mitigations=off
        -chardev file,id=console,path=/d,,ata/console.log,append=on
        -serial chardev:console
        -qmp unix:/run/qmp.sock,server=on,wait=off
        -pidfile /d,ata/vm.pid
        -daemonize
        ");
    }

    #[test]
    fn a_machine_with_a_boot_loader_of_its_own_gets_no_kernel() {
        let line = line(Accelerator::Kvm, false);
        assert!(!line.contains("-kernel") && !line.contains("-append"));
        assert!(line.contains("-accel kvm\n-cpu host"));
    }
}
