//! Load: many requests at the same time to a component under `wasmtime serve`, each of which publishes a message, while the
//! broker is stopped and started again, or is not.
//!
//! Each request has a topic of its own. In the end, three accounts are compared: what the requests were told, what the broker
//! says in its log, and what a subscriber got. [`Report`] says where they contradict one another.

mod account;
mod log;
mod report;
mod watcher;

use std::{
    net::SocketAddr,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

pub use self::report::Report;
use self::{log::BrokerLog, watcher::Watcher};
use crate::{
    broker::{
        aedes::Aedes,
        restartable::{Restartable, Stop},
    },
    compose::Composed,
    guest::Guest,
    host::Serve,
    probe::Qos,
};

/// The longest that a request takes. The adapter's own bound, on a broker that does not answer, is 20 s.
const REQUEST_LIMIT: Duration = Duration::from_secs(90);

/// The longest that the requests take between one stop of the broker and the next.
const PROGRESS_LIMIT: Duration = Duration::from_secs(600);

/// The longest that the system takes to hand over what it has, on a busy machine.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(10);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many requests.
    pub requests: usize,
    /// How many of them at the same time.
    pub concurrency: usize,
    /// For how many of them, one after another, the host uses an instance: for one unless it is said.
    pub reuse: Option<usize>,
    /// The QoS of all messages.
    pub qos: Qos,
    /// How large the messages are.
    pub size: Size,
    /// What the requests say of themselves to the broker.
    pub session: Session,
    /// Who passes the messages on.
    pub broker: BrokerKind,
    /// How the broker is stopped, each time it is, at even distances within the requests. It is never if there are none.
    pub stops: Vec<Stop>,
    /// How long it is down every other time; the other times it comes back at once.
    pub downtime: Duration,
    /// Options of `compose` for the component.
    pub compose: Vec<String>,
}

/// Waits until the broker has got all messages that were Ok, for as long as that may take: at QoS 0 the last ones may still be
/// with the system. What is missing after that, the report tells.
fn await_arrival(broker: &Broker, requests: &[(usize, Answer)]) -> Result<()> {
    let deadline = Instant::now() + ARRIVAL_LIMIT;
    loop {
        let log = BrokerLog::parse(&broker.log()?)?;
        let has_arrived = |(index, answer): &(usize, Answer)| {
            !matches!(answer, Answer::Published) || log.message(&topic(*index)).is_some()
        };
        if requests.iter().all(has_arrived) || Instant::now() > deadline {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Who the requests are to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Each has a client id that the adapter makes.
    Clean,
    /// Each has a client id of its own, and the broker keeps its session.
    Kept,
    /// All have the same client id, so that they throw one another out.
    FixedClientId,
    /// All have the same client id, and the broker keeps the one session that they share.
    SharedKept,
}

impl Session {
    fn is_kept(self) -> bool {
        matches!(self, Self::Kept | Self::SharedKept)
    }
}

/// How large the messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Each is a line of at most some 25 bytes.
    Small,
    /// Most are small, some take more than one packet of TCP.
    Mixed,
}

/// A broker that says what it gets and what it passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerKind {
    /// The system's mosquitto.
    Mosquitto,
    /// aedes, under Node. It keeps its sessions in memory, and is not stopped.
    Aedes,
}

/// The broker of one run.
enum Broker {
    Mosquitto(Restartable),
    Aedes(Aedes),
}

impl Broker {
    fn start(kind: BrokerKind) -> Result<Self> {
        Ok(match kind {
            BrokerKind::Mosquitto => Self::Mosquitto(Restartable::start()?),
            BrokerKind::Aedes => Self::Aedes(Aedes::start()?),
        })
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Mosquitto(broker) => broker.address(),
            Self::Aedes(broker) => broker.address(),
        }
    }

    fn url(&self) -> String {
        format!("mqtt://{}", self.address())
    }

    fn log(&self) -> Result<String> {
        match self {
            Self::Mosquitto(broker) => broker.log(),
            Self::Aedes(broker) => broker.log(),
        }
    }

    /// Takes it away for `downtime`.
    fn stop_for(&self, how: Stop, downtime: Duration) -> Result<()> {
        let Self::Mosquitto(broker) = self else {
            bail!("only mosquitto is stopped and started again");
        };
        broker.stop(how)?;
        thread::sleep(downtime);
        broker.resume()
    }
}

/// What the component said to a request.
enum Answer {
    Published,
    /// `open` failed, with this text.
    NotOpened(String),
    /// `publish` failed, with this text.
    Failed(String),
}

/// A stop of the broker.
struct Outage {
    how: Stop,
    start: Instant,
    end: Instant,
}

impl Plan {
    /// Does it.
    ///
    /// # Errors
    ///
    /// When a part fails that is not on trial: the host, the broker, the HTTP client. Whether promises were kept is in the
    /// [`Report`].
    pub fn run(&self) -> Result<Report> {
        let options: Vec<&str> = self.compose.iter().map(String::as_str).collect();
        let component = Composed::new(Guest::Load, &options)?;
        let broker = Broker::start(self.broker)?;
        let watcher = Watcher::start(&broker)?;
        let serve = match self.reuse {
            None => Serve::start(&component.path(), &[])?,
            Some(requests) => Serve::start_reusing(&component.path(), requests)?,
        };

        let progress = Progress::default();
        let start = Instant::now();
        let (requests, outages) = thread::scope(|scope| {
            let outages = scope.spawn(|| self.stop_the_broker(&broker, &progress));
            let workers: Vec<_> = (0..self.concurrency)
                .map(|_| scope.spawn(|| self.work(&serve, &broker.url(), &progress)))
                .collect();
            let mut requests: Vec<(usize, Answer)> = Vec::with_capacity(self.requests);
            let mut result = Ok(());
            for worker in workers {
                match worker.join().expect("a worker does not panic") {
                    Ok(done) => requests.extend(done),
                    Err(error) => result = Err(error),
                }
            }
            // Else it would wait for requests that nobody makes any more.
            progress.finish();
            let outages = outages.join().expect("it does not panic")?;
            result?;
            anyhow::Ok((requests, outages))
        })?;
        let elapsed = start.elapsed();

        await_arrival(&broker, &requests)?;
        let seen = watcher.finish(&broker, self.size)?;
        let text = broker.log()?;
        let log = BrokerLog::parse(&text)?;
        let broker = broker.address().to_string();
        let mut report = account::settle(self, &broker, &requests, &outages, &log, seen, elapsed);
        report.add_evidence(self, &text);
        Ok(report)
    }

    /// Posts requests until there are no more to post.
    fn work(
        &self,
        serve: &Serve,
        broker: &str,
        progress: &Progress,
    ) -> Result<Vec<(usize, Answer)>> {
        // One for each worker: it keeps its connection to the server.
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_LIMIT))
            .build()
            .into();
        let mut done = Vec::new();
        loop {
            let index = progress.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.requests || progress.is_failed.load(Ordering::Relaxed) {
                return Ok(done);
            }
            let answer = agent
                .post(serve.url())
                .header("mqtt-address", self.address(broker, index))
                .header("mqtt-topic", topic(index))
                .header("mqtt-qos", (self.qos as u8).to_string())
                .send(self.size.payload(index))
                .and_then(|mut response| {
                    let text = response.body_mut().read_to_string()?;
                    Ok((response.status().as_u16(), text))
                })
                .with_context(|| format!("request {index}: {}", serve.stderr()))
                .and_then(|(status, text)| match status {
                    200 => Ok(Answer::Published),
                    502 => Ok(Answer::Failed(text)),
                    503 => Ok(Answer::NotOpened(text)),
                    _ => bail!("request {index}: {status} {text}\n{}", serve.stderr()),
                })
                .inspect_err(|_| progress.is_failed.store(true, Ordering::Relaxed))?;
            done.push((index, answer));
            progress.complete();
        }
    }

    fn address(&self, broker: &str, index: usize) -> String {
        match self.session {
            Session::Clean => broker.to_owned(),
            Session::Kept => format!("{broker}?client_id=load-{index}&clean_session=false"),
            Session::FixedClientId => format!("{broker}?client_id=load"),
            Session::SharedKept => format!("{broker}?client_id=load&clean_session=false"),
        }
    }

    /// Stops the broker and starts it again, as often as the plan says.
    fn stop_the_broker(&self, broker: &Broker, progress: &Progress) -> Result<Vec<Outage>> {
        let mut outages = Vec::new();
        for (index, how) in self.stops.iter().copied().enumerate() {
            if !progress.await_completed(self.requests * (index + 1) / (self.stops.len() + 1))? {
                break;
            }
            let start = Instant::now();
            broker.stop_for(
                how,
                match index % 2 {
                    0 => self.downtime,
                    _ => Duration::ZERO,
                },
            )?;
            let end = Instant::now();
            outages.push(Outage { how, start, end });
        }
        Ok(outages)
    }
}

/// The topic of a request's message.
fn topic(index: usize) -> String {
    format!("load/{index}")
}

impl Size {
    /// A request's message: a line of text that no other request has.
    fn payload(self, index: usize) -> String {
        let size = match self {
            Self::Small => return format!("message-{index}"),
            Self::Mixed if index % 100 == 99 => 100_000,
            Self::Mixed => [20, 100, 1_000, 4_500][index % 4],
        };
        let mut text = format!("message-{index}-of-{size}-bytes");
        for word in 0.. {
            if text.len() >= size {
                break;
            }
            text += &format!(",{}", word * (index + 1));
        }
        text.truncate(size);
        text
    }
}

/// How far the requests are.
#[derive(Default)]
struct Progress {
    next: AtomicUsize,
    is_failed: AtomicBool,
    /// How many are completed, and whether all that will be are.
    completed: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Progress {
    fn complete(&self) {
        self.completed.lock().expect("nobody panics with it").0 += 1;
        self.changed.notify_all();
    }

    fn finish(&self) {
        self.completed.lock().expect("nobody panics with it").1 = true;
        self.changed.notify_all();
    }

    /// Waits until `count` requests are completed. Returns whether that came before the end.
    fn await_completed(&self, count: usize) -> Result<bool> {
        let completed = self.completed.lock().expect("nobody panics with it");
        let (completed, waited) = self
            .changed
            .wait_timeout_while(completed, PROGRESS_LIMIT, |(completed, finished)| {
                *completed < count && !*finished
            })
            .expect("nobody panics with it");
        ensure!(
            !waited.timed_out(),
            "no {count} requests in {PROGRESS_LIMIT:?}"
        );
        Ok(completed.0 >= count)
    }
}
