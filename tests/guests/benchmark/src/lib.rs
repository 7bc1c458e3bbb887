//! What the benchmark has each client do: open connections and publish on them, timed in groups of steps.
//!
//! The arguments are the broker as `HOST:PORT`, and groups, each `NAME: STEP …`. The output is a line `NAME NANOSECONDS`
//! for each group that has a name other than `-`.
//!
//! ```text
//! open                 opens a connection, which the next steps use
//! open-waiting         the same, and nothing leaves before the broker's CONNACK
//! publish/QOS/SIZE     publishes SIZE bytes; publish/QOS/SIZExCOUNT, COUNT times
//! drop                 drops the connection
//! sleep/MILLISECONDS
//! ```

use std::{
    env,
    hash::{BuildHasher, RandomState},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

#[cfg(target_family = "wasm")]
pub mod http;
pub mod raw;
pub mod rumqttc;

/// The topic of all messages.
pub const TOPIC: &str = "pets";

/// The largest packet that a client must let pass.
pub const MAX_PACKET: usize = 2 * 1024 * 1024;

/// A way to publish.
pub trait Client: Sized {
    /// Opens a connection to `broker`, which is `HOST:PORT`. Dropping it closes it.
    fn open(broker: &str, client_id: &str) -> Result<Self, String>;

    /// The same, for brokers that take nothing before their CONNACK.
    fn open_waiting(broker: &str, client_id: &str) -> Result<Self, String> {
        let _ = (broker, client_id);
        Err("this client knows no such option".into())
    }

    /// Publishes `payload` to [`TOPIC`] and returns once the promise of `qos` is kept.
    fn publish(&mut self, payload: &[u8], qos: u8) -> Result<(), String>;
}

/// Does what the arguments say.
pub fn main<C: Client>() -> ExitCode {
    match run::<C>() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run<C: Client>() -> Result<(), String> {
    let mut args = env::args().skip(1);
    let broker = args.next().ok_or("the broker is missing")?;
    let groups = args
        .map(|group| Group::parse(&group))
        .collect::<Result<Vec<_>, _>>()?;
    // The same for all connections, so that one can stand in for another.
    let client_id = client_id();
    let mut client: Option<C> = None;
    for group in &groups {
        let start = Instant::now();
        for step in &group.steps {
            perform(step, &broker, &client_id, &mut client)
                .map_err(|error| format!("{}: {step:?}: {error}", group.name))?;
        }
        let elapsed = start.elapsed().as_nanos();
        if group.name != "-" {
            println!("{} {elapsed}", group.name);
        }
    }
    Ok(())
}

/// A client id that nobody else has.
pub fn client_id() -> String {
    format!("cat{:x}", RandomState::new().hash_one(0))
}

struct Group {
    name: String,
    steps: Vec<Step>,
}

enum Step {
    Open,
    OpenWaiting,
    Publish {
        qos: u8,
        payload: Vec<u8>,
        count: u64,
    },
    Drop,
    Sleep(Duration),
}

// The payload is not for reading.
impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::OpenWaiting => f.write_str("open-waiting"),
            Self::Publish {
                qos,
                payload,
                count,
            } => {
                write!(f, "publish/{qos}/{}x{count}", payload.len())
            }
            Self::Drop => f.write_str("drop"),
            Self::Sleep(time) => write!(f, "sleep/{}", time.as_millis()),
        }
    }
}

impl Group {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, steps) = text.split_once(": ").ok_or(format!("no group: {text}"))?;
        let steps = steps
            .split(' ')
            .map(Step::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: name.into(),
            steps,
        })
    }
}

impl Step {
    fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("no step: {text}");
        let number = |word: &str| word.parse::<u64>().map_err(|_| unknown());
        let words: Vec<&str> = text.split('/').collect();
        Ok(match *words {
            ["open"] => Self::Open,
            ["open-waiting"] => Self::OpenWaiting,
            ["drop"] => Self::Drop,
            ["sleep", millis] => Self::Sleep(Duration::from_millis(number(millis)?)),
            ["publish", qos @ ("0" | "1" | "2"), size] => {
                let (size, count) = size.split_once('x').unwrap_or((size, "1"));
                Self::Publish {
                    qos: number(qos)? as u8,
                    payload: vec![b'c'; number(size)? as usize],
                    count: number(count)?,
                }
            }
            _ => return Err(unknown()),
        })
    }
}

fn perform<C: Client>(
    step: &Step,
    broker: &str,
    client_id: &str,
    client: &mut Option<C>,
) -> Result<(), String> {
    match step {
        Step::Open => *client = Some(C::open(broker, client_id)?),
        Step::OpenWaiting => *client = Some(C::open_waiting(broker, client_id)?),
        Step::Publish {
            qos,
            payload,
            count,
        } => {
            let client = client.as_mut().ok_or("no connection is open")?;
            for _ in 0..*count {
                client.publish(payload, *qos)?;
            }
        }
        Step::Drop => drop(client.take()),
        Step::Sleep(time) => thread::sleep(*time),
    }
    Ok(())
}
