//! A link between two network namespaces that delays each packet: what a network between a host and a broker far away does,
//! at the level of IP, so that Nagle's algorithm and delayed acknowledgements do what they do there.
//!
//! [`run`] is a program of its own. It is started in a network namespace that nobody else is in, the near one, and makes the
//! far one. All is gone when it ends.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::tun;

/// The near end's address, of those that are set aside for examples (RFC 5737).
pub const NEAR: &str = "192.0.2.1";
/// The far end's address.
pub const FAR: &str = "192.0.2.2";

/// More than any packet.
const MAX_PACKET: usize = 65_536;

/// Runs the link with `delay` in each direction until the process is killed or its parent ends. Says `ready PID` on
/// standard error once it is up: PID is a process in the far namespace.
pub fn run(delay: Duration) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let near = tun::open("near").context("no TUN device")?;
    let far = tun::open("far").context("no TUN device")?;
    let holder = FarNamespace::new()?;
    let pid = holder.child.id().to_string();
    ip(None, "link set lo up")?;
    ip(None, &format!("addr add {NEAR} peer {FAR} dev near"))?;
    // A whole window of packets may come at once.
    ip(None, "link set near txqueuelen 10000 up")?;
    ip(None, &format!("link set far netns {pid}"))?;
    ip(Some(&pid), "link set lo up")?;
    ip(Some(&pid), &format!("addr add {FAR} peer {NEAR} dev far"))?;
    ip(Some(&pid), "link set far txqueuelen 10000 up")?;
    eprintln!("ready {pid}");

    // A packet is late where this program is: it goes first, as far as it may.
    let _ = rustix::process::nice(-20);
    forward(&near, &far, delay)
}

/// `ip ARGUMENTS`, in the namespace of the process `pid` or in this one.
fn ip(pid: Option<&str>, arguments: &str) -> Result<()> {
    let mut command = match pid {
        Some(pid) => {
            let mut command = Command::new("nsenter");
            command.arg(format!("--net=/proc/{pid}/ns/net")).arg("ip");
            command
        }
        None => Command::new("ip"),
    };
    let status = command.args(arguments.split(' ')).status().context("ip")?;
    ensure!(status.success(), "ip {arguments}: {status}");
    Ok(())
}

/// A network namespace, which lives as long as a process in it.
struct FarNamespace {
    child: Child,
}

impl FarNamespace {
    fn new() -> Result<Self> {
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("unshare")?;
        let stdout = child.stdout.take().context("it is piped")?;
        // Once it says something, it is there.
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line == "\n", "no network namespace could be made");
        Ok(Self { child })
    }
}

struct Packet {
    due: Instant,
    bytes: Vec<u8>,
}

fn forward(near: &File, far: &File, delay: Duration) -> Result<()> {
    let mut buffer = vec![0; MAX_PACKET];
    let mut to_near = VecDeque::new();
    let mut to_far = VecDeque::new();
    loop {
        receive(near, &mut buffer, &mut to_far, delay)?;
        receive(far, &mut buffer, &mut to_near, delay)?;
        send(far, &mut to_far);
        send(near, &mut to_near);

        let next = [&to_near, &to_far]
            .into_iter()
            .filter_map(VecDeque::front)
            .map(|packet| packet.due.saturating_duration_since(Instant::now()))
            .min();
        let timeout = next.map(|next| Timespec {
            tv_sec: next.as_secs() as i64,
            tv_nsec: next.subsec_nanos().into(),
        });
        let mut ends = [
            PollFd::new(near, PollFlags::IN),
            PollFd::new(far, PollFlags::IN),
        ];
        match poll(&mut ends, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn receive(
    mut from: &File,
    buffer: &mut [u8],
    queue: &mut VecDeque<Packet>,
    delay: Duration,
) -> Result<()> {
    loop {
        match from.read(buffer) {
            Ok(length) => queue.push_back(Packet {
                due: Instant::now() + delay,
                bytes: buffer[..length].to_vec(),
            }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("the link is down"),
        }
    }
}

fn send(mut to: &File, queue: &mut VecDeque<Packet>) {
    while let Some(packet) = queue.pop_front_if(|packet| packet.due <= Instant::now()) {
        // A packet that does not pass is lost, as on any network.
        let _ = to.write(&packet.bytes);
    }
}
