//! What runs the guest's code. A computer that offers an accelerator may still be unable to run a real kernel with
//! it (a nested one, say), so each is asked to run a small program before it is trusted.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::provider::qemu::Setup;
use crate::provider::qemu::binary::{Arch, Binary};
use crate::provider::qemu::folder::{make_private, problem, read_json, write_file};
use crate::resource::{Context, Failure};
use crate::transport::{Command, Error, Output, local};

/// How long the test program may take; it needs a fraction of a second even under emulation.
const LIMIT: Duration = Duration::from_secs(5);
/// What QEMU's debug port makes of the 0x10 that the test program writes to it: `0x10 << 1 | 1`.
const RAN: i32 = 33;

/// Fastest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Accelerator {
    /// Linux.
    Kvm,
    /// macOS.
    Hvf,
    /// Emulation: everywhere, and several times slower.
    Tcg,
}

impl Accelerator {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Hvf => "hvf",
            Self::Tcg => "tcg",
        }
    }

    /// How many times longer than on hardware things take.
    pub(super) const fn patience(self) -> u32 {
        match self {
            Self::Kvm | Self::Hvf => 1,
            Self::Tcg => 6,
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Accelerator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Kvm, Self::Hvf, Self::Tcg]
            .into_iter()
            .find(|accelerator| accelerator.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not an accelerator: use `kvm`, `hvf` or `tcg`"))
    }
}

/// The verdict of an earlier run, good until QEMU or the running system changes.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    binary: String,
    version: (u32, u32),
    boot: String,
    accelerator: Accelerator,
}

/// What the test program showed of an accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Passed,
    /// It takes a guest and cannot run it, now or later.
    Failed,
    /// It could not be tried: no device, no right to it, no QEMU. That may be put right at any time.
    Untried,
}

/// The one that the settings name, or else the fastest that works; asked once however many machines start.
pub(super) async fn choose(setup: &Setup, binary: &Binary, cx: &Context) -> Result<Accelerator, Failure> {
    match setup.settings.accelerator {
        Some(forced) => Ok(forced),
        None => setup.accelerator.get_or_try_init(|| fastest(setup, binary, cx)).await.copied(),
    }
}

async fn fastest(setup: &Setup, binary: &Binary, cx: &Context) -> Result<Accelerator, Failure> {
    let folder = setup.dirs.cache.join("qemu");
    let file = folder.join("accelerator.json");
    let mut verdict = Verdict {
        binary: binary.path.display().to_string(),
        version: binary.version,
        boot: boot_id(),
        accelerator: Accelerator::Tcg,
    };
    // A damaged cache is as good as none.
    if let Ok(Some(Verdict { accelerator, .. })) = read_json::<Verdict>(&file).map(|known| {
        known.filter(|known| {
            (&known.binary, known.version, &known.boot) == (&verdict.binary, verdict.version, &verdict.boot)
        })
    }) {
        return Ok(accelerator);
    }
    make_private(&folder)?;
    let candidate = if cfg!(target_os = "macos") { Accelerator::Hvf } else { Accelerator::Kvm };
    cx.progress.say(format!("testing the {candidate} accelerator"));
    let test = test(&folder, binary, candidate).await?;
    if test == Test::Passed {
        verdict.accelerator = candidate;
    } else {
        cx.progress.say(format!("emulating: {candidate} cannot run a kernel here"));
    }
    if test != Test::Untried {
        write_file(&file, serde_json::to_string(&verdict).expect("plain data").as_bytes(), 0o600)?;
    }
    Ok(verdict.accelerator)
}

async fn test(folder: &Path, binary: &Binary, accelerator: Accelerator) -> Result<Test, Failure> {
    let (program, expected) = match binary.arch {
        Arch::X86 => (boot_sector().to_vec(), RAN),
        Arch::Arm => (POWER_OFF.to_vec(), 0),
    };
    // A file of its own: QEMU locks it, and another process may be testing as well.
    let mut file = tempfile::Builder::new().prefix("probe-").tempfile_in(folder).map_err(problem(folder))?;
    file.write_all(&program).map_err(problem(file.path()))?;
    let image = file.path().display().to_string().replace(',', ",,");
    let mut argv = vec![binary.path.display().to_string()];
    argv.extend(["-accel", accelerator.as_str(), "-cpu", "max", "-nodefaults", "-no-user-config"].map(Into::into));
    argv.extend(["-display", "none", "-m", "64"].map(Into::into));
    match binary.arch {
        Arch::X86 => {
            argv.extend(["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-drive"].map(Into::into));
            argv.push(format!("file={image},format=raw,if=ide"));
        }
        Arch::Arm => {
            argv.extend(["-machine", "virt", "-device"].map(Into::into));
            argv.push(format!("loader,file={image},addr=0x40000000,cpu-num=0,force-raw=on"));
        }
    }
    Ok(judge(&local::run(&Command::new(argv).timeout(LIMIT)).await, expected))
}

/// A guest that stops over an instruction leaves QEMU waiting for somebody to look at it: that is a hang.
fn judge(ran: &Result<Output, Error>, expected: i32) -> Test {
    match ran {
        Ok(output) if output.status == expected => Test::Passed,
        Ok(output) if output.stderr.contains("internal error") => Test::Failed,
        Err(Error::Timeout { .. }) => Test::Failed,
        _ => Test::Untried,
    }
}

/// Changes with every start of this computer, where that can be known.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Asks the firmware interface (PSCI) to switch the machine off; QEMU then ends with status 0.
const POWER_OFF: [u8; 16] = [
    0x00, 0x80, 0xb0, 0x52, // movz w0, #0x8400, lsl #16
    0x00, 0x01, 0x80, 0x72, // movk w0, #8
    0x02, 0x00, 0x00, 0xd4, // hvc  #0
    0x00, 0x00, 0x00, 0x14, // b    .
];

/// A disk's first sector that goes to 64-bit mode as a kernel does, executes a BMI2 instruction if the processor
/// claims to have them (an accelerator without hardware behind it stumbles over those), and writes to the debug port.
fn boot_sector() -> [u8; 512] {
    let mut sector = [0; 512];
    sector[..PROGRAM.len()].copy_from_slice(&PROGRAM);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

#[rustfmt::skip]
const PROGRAM: [u8; 166] = [
    // 16-bit code at 0x7c00: flat segments and a stack
    0xfa,                                                   // cli
    0x31, 0xc0,                                             // xor   %ax, %ax
    0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0,                     // mov   %ax, %ds; %es; %ss
    0xbc, 0x00, 0x70,                                       // mov   $0x7000, %sp
    // page tables at 0x1000, 0x2000, 0x3000: the first two megabytes, one to one
    0x66, 0xbf, 0x00, 0x10, 0x00, 0x00,                     // mov   $0x1000, %edi
    0x0f, 0x22, 0xdf,                                       // mov   %edi, %cr3
    0x66, 0x31, 0xc0,                                       // xor   %eax, %eax
    0xb9, 0x00, 0x0c,                                       // mov   $0xc00, %cx
    0xfc, 0x66, 0xf3, 0xab,                                 // cld; rep stosl
    0x66, 0xc7, 0x06, 0x00, 0x10, 0x03, 0x20, 0x00, 0x00,   // movl  $0x2003, 0x1000
    0x66, 0xc7, 0x06, 0x00, 0x20, 0x03, 0x30, 0x00, 0x00,   // movl  $0x3003, 0x2000
    0x66, 0xc7, 0x06, 0x00, 0x30, 0x83, 0x00, 0x00, 0x00,   // movl  $0x0083, 0x3000
    // physical address extension, long mode, protection and paging on
    0x0f, 0x20, 0xe0, 0x0c, 0x20, 0x0f, 0x22, 0xe0,         // mov   %cr4, %eax; or $0x20, %al; mov %eax, %cr4
    0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0,                     // mov   $0xc0000080, %ecx
    0x0f, 0x32, 0x0d, 0x00, 0x01, 0x0f, 0x30,               // rdmsr; or $0x100, %ax; wrmsr
    0x0f, 0x20, 0xc0,                                       // mov   %cr0, %eax
    0x66, 0x0d, 0x01, 0x00, 0x00, 0x80,                     // or    $0x80000001, %eax
    0x0f, 0x22, 0xc0,                                       // mov   %eax, %cr0
    0x0f, 0x01, 0x16, 0xa0, 0x7c,                           // lgdt  0x7ca0
    0xea, 0x65, 0x7c, 0x08, 0x00,                           // ljmp  $8, $0x7c65
    // 64-bit code at 0x7c65: leaf 7 of CPUID, bit 8 of EBX tells of BMI2
    0xb8, 0x07, 0x00, 0x00, 0x00, 0x31, 0xc9,               // mov   $7, %eax; xor %ecx, %ecx
    0x0f, 0xa2,                                             // cpuid
    0x0f, 0xba, 0xe3, 0x08, 0x73, 0x0f,                     // bt    $8, %ebx; jnc 0x7c83
    0xba, 0x01, 0x00, 0x00, 0x00,                           // mov   $1, %edx
    0xbd, 0x01, 0x00, 0x00, 0x00,                           // mov   $1, %ebp
    0xc4, 0xe2, 0x69, 0xf7, 0xed,                           // shlx  %edx, %ebp, %ebp
    0xb0, 0x10, 0xe6, 0xf4,                                 // mov   $0x10, %al; out %al, $0xf4
    0xf4, 0xeb, 0xfd,                                       // hlt; jmp to it
    0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00,                     // padding
    // 0x7c90: no segment, a 64-bit code segment; 0x7ca0: where they are
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x9a, 0x20, 0x00,
    0x0f, 0x00, 0x90, 0x7c, 0x00, 0x00,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jump_to_64_bit_code_lands_behind_itself() {
        let jump = PROGRAM.windows(5).position(|bytes| bytes == [0xea, 0x65, 0x7c, 0x08, 0x00]).unwrap();
        assert_eq!(0x7c00 + jump + 5, 0x7c65);
        assert_eq!(&PROGRAM[0x90..0x98], [0; 8]);
        assert_eq!(boot_sector()[510..], [0x55, 0xaa]);
    }

    #[test]
    fn only_an_accelerator_that_had_its_chance_is_given_up_for_good() {
        let said = |status, stderr: &str| Ok(Output { status, stderr: stderr.into(), ..Output::default() });
        assert_eq!(judge(&said(RAN, ""), RAN), Test::Passed);
        assert_eq!(judge(&said(1, "KVM internal error. Suberror: 1"), RAN), Test::Failed);
        assert_eq!(judge(&Err(Error::Timeout { command: "qemu".into(), after: LIMIT }), RAN), Test::Failed);
        for passing in ["Failed to get \"write\" lock", "Could not access KVM kernel module: Permission denied"] {
            assert_eq!(judge(&said(1, passing), RAN), Test::Untried, "{passing}");
        }
    }

    #[test]
    fn an_accelerator_that_does_not_exist_is_named() {
        assert_eq!("kvm".parse(), Ok(Accelerator::Kvm));
        assert!("xen".parse::<Accelerator>().unwrap_err().contains("`xen`"));
    }
}
