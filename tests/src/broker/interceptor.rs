//! Stands between a client and a broker, and takes the connection away at a chosen packet.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::Result;

use super::packet::Packet;

/// The packet at which a connection is lost. It does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The broker's CONNACK.
    Connack,
    /// The client's PUBLISH.
    Publish,
    /// The broker's PUBACK.
    Puback,
    /// The broker's PUBREC.
    Pubrec,
    /// The client's PUBREL.
    Pubrel,
    /// The broker's PUBCOMP.
    Pubcomp,
}

impl Lost {
    /// The kind of the packet [MQTT-2.2.1], and whether it comes from the broker.
    fn kind(self) -> (u8, bool) {
        match self {
            Self::Connack => (2, true),
            Self::Publish => (3, false),
            Self::Puback => (4, true),
            Self::Pubrec => (5, true),
            Self::Pubrel => (6, false),
            Self::Pubcomp => (7, true),
        }
    }
}

/// The longest that a broker takes to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Passes on all that clients and a broker say, but for the first connection's packet that is to be lost. It ends with the
/// process.
pub struct Interceptor {
    address: SocketAddr,
}

impl Interceptor {
    /// Listens on a free port of 127.0.0.1. When `lost` comes, behind so many of its kind as `earlier` says, `then` is called,
    /// and the connection is closed after it.
    pub fn start(
        broker: SocketAddr,
        lost: Lost,
        earlier: usize,
        then: impl FnOnce() + Send + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        thread::Builder::new()
            .name("interceptor".into())
            .spawn(move || {
                let mut then = Some(then);
                while let Ok((client, _)) = listener.accept() {
                    let Ok(broker) = TcpStream::connect(broker) else {
                        continue;
                    };
                    let lost = then.is_some().then(|| lost.kind());
                    let is_from_broker = lost.is_some_and(|(_, is_from_broker)| is_from_broker);
                    let kind = |from_broker| {
                        lost.filter(|_| is_from_broker == from_broker)
                            .map(|it| (it.0, earlier))
                    };
                    // The thread of one direction: this one is the direction that the packet comes from.
                    let (here, there) = match is_from_broker {
                        true => (&broker, &client),
                        false => (&client, &broker),
                    };
                    let (Ok(mut other_here), Ok(mut other_there)) =
                        (there.try_clone(), here.try_clone())
                    else {
                        continue;
                    };
                    let (answer, answered) = mpsc::channel();
                    let other = thread::spawn(move || {
                        // A connection that ends is no fault of ours.
                        let _ = pass(&mut other_here, &mut other_there, None, || {
                            // Nobody may want to know.
                            let _ = answer.send(());
                        });
                    });
                    if let Ok(true) = pass(&mut &*here, &mut &*there, kind(is_from_broker), || {})
                        && let Some(then) = then.take()
                    {
                        // What comes from the client may have come with its CONNECT, which the broker is to have acted on.
                        if !is_from_broker {
                            let _ = answered.recv_timeout(ANSWER_LIMIT);
                        }
                        then();
                    }
                    for stream in [&client, &broker] {
                        // The other side may be gone already.
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                    let _ = other.join();
                }
            })?;
        Ok(Self { address })
    }

    /// Its address as a guest opens it.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }
}

/// Passes on packets until one of the kind `lost` comes, behind so many others of it, which it says, or until there are no
/// more. `passed` is called behind each.
fn pass(
    from: &mut impl Read,
    to: &mut impl Write,
    mut lost: Option<(u8, usize)>,
    mut passed: impl FnMut(),
) -> io::Result<bool> {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while let Ok(Some(length)) = Packet::length(&buffer)
            && buffer.len() >= length
        {
            if let Some((kind, earlier)) = &mut lost
                && *kind == buffer[0] >> 4
            {
                match earlier.checked_sub(1) {
                    None => return Ok(true),
                    Some(left) => *earlier = left,
                }
            }
            to.write_all(&buffer[..length])?;
            buffer.drain(..length);
            passed();
        }
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return Ok(false);
        }
        buffer.extend_from_slice(&chunk[..count]);
    }
}
