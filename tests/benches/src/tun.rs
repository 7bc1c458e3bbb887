//! A TUN device: a network interface whose packets a program reads and writes.

use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsFd,
};

use rustix::{
    fs::OFlags,
    ioctl::{Setter, ioctl, opcode},
};

/// `struct ifreq` of netdevice(7), as far as a TUN device needs it.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    flags: i16,
    padding: [u8; 22],
}

/// Packets of the network layer (IFF_TUN), with no header of the device's own (IFF_NO_PI).
const FLAGS: i16 = 0x0001 | 0x1000;

/// Makes the device `name`, of at most 15 letters. It lives as long as the file, in the network namespace of this process
/// unless it is moved. Each read is a packet and each write, too; none of them blocks.
pub fn open(name: &str) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    let mut request = InterfaceRequest {
        name: [0; 16],
        flags: FLAGS,
        padding: [0; 22],
    };
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    set_interface(&file, request)?;
    rustix::fs::fcntl_setfl(&file, OFlags::NONBLOCK)?;
    Ok(file)
}

#[expect(
    unsafe_code,
    reason = "an ioctl is as safe as its number and its argument"
)]
fn set_interface(file: impl AsFd, request: InterfaceRequest) -> io::Result<()> {
    /// TUNSETIFF of linux/if_tun.h. Its number says `int`, and its argument is a `struct ifreq`.
    const TUNSETIFF: rustix::ioctl::Opcode = opcode::write::<i32>(b'T', 202);
    // SAFETY: the kernel reads a `struct ifreq`, which `InterfaceRequest` is in size and layout.
    unsafe { ioctl(file, Setter::<TUNSETIFF, InterfaceRequest>::new(request)) }?;
    Ok(())
}
