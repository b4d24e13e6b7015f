//! Everything that needs no network, no privileges and no virtual machine.

mod qemu;
