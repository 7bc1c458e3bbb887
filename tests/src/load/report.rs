use std::{collections::BTreeMap, fmt, time::Duration};

use super::{Outage, Plan, Session};
use crate::broker::restartable::Stop;

/// How many contradictions are written down, and of how many what the broker says.
const SHOWN: usize = 20;
const EXPLAINED: usize = 3;

/// What came of a [`Plan`].
#[derive(Debug)]
pub struct Report {
    /// What was done, in words.
    pub title: String,
    /// How long the requests took.
    pub elapsed: Duration,
    /// How many requests were made.
    pub requests: usize,
    /// How often the broker was terminated.
    pub terminated: usize,
    /// How often the broker was killed.
    pub killed: usize,
    /// How long the broker was down altogether.
    pub downtime: Duration,
    /// How many requests were told Ok.
    pub ok: usize,
    /// How many of these messages the broker has not got, or has not passed on to the subscriber though it was there.
    pub lost: usize,
    /// How many requests were told each error.
    pub errors: BTreeMap<String, usize>,
    /// How many messages the broker got more than once, as it may.
    pub resent: usize,
    /// Of the requests told that the delivery is unknown: how many messages were delivered.
    pub unknown_delivered: usize,
    /// Of the requests told that the delivery is unknown: how many messages were not delivered.
    pub unknown_lost: usize,
    /// How many messages the subscriber got.
    pub received: usize,
    /// How many of them it got more than once.
    pub received_again: usize,
    /// How many messages of requests that were told Ok the subscriber did not get. Between it and a broker that is stopped,
    /// some get lost; at QoS 0, all that come while it is away.
    pub not_received: usize,
    /// Broken promises: where the three accounts contradict one another.
    pub contradictions: Vec<String>,
    /// What the broker says of the first of them.
    pub evidence: String,
}

impl Report {
    pub(super) fn new(plan: &Plan, elapsed: Duration, outages: &[Outage]) -> Self {
        let stops = |how| outages.iter().filter(|outage| outage.how == how).count();
        Self {
            title: format!(
                "{} requests, {} at a time, {}{:?}, session {:?}, {:?}{}",
                plan.requests,
                plan.concurrency,
                plan.reuse
                    .map(|requests| format!("{requests} an instance, "))
                    .unwrap_or_default(),
                plan.qos,
                plan.session,
                plan.broker,
                plan.compose
                    .iter()
                    .map(|option| format!(", {option}"))
                    .collect::<String>(),
            ),
            elapsed,
            requests: 0,
            terminated: stops(Stop::Terminate),
            killed: stops(Stop::Kill),
            downtime: outages.iter().map(|outage| outage.end - outage.start).sum(),
            ok: 0,
            lost: 0,
            errors: BTreeMap::new(),
            resent: 0,
            unknown_delivered: 0,
            unknown_lost: 0,
            received: 0,
            received_again: 0,
            not_received: 0,
            contradictions: Vec::new(),
            evidence: String::new(),
        }
    }

    /// Takes from the broker's log what it says of the broken promises: of the messages, and of its lives; and of all that came
    /// from the same client, or in a session that all share of all with the same packet id.
    pub(super) fn add_evidence(&mut self, plan: &Plan, log: &str) {
        let topics = self
            .contradictions
            .iter()
            .filter_map(|it| it.split(':').next());
        for topic in topics.take(EXPLAINED) {
            let topic = format!("'{topic}'");
            let first = log.lines().find(|line| line.contains(&topic));
            // `Received PUBLISH from CLIENT (d0, q2, r0, mID, …`
            let common = first.and_then(|line| {
                line.split(' ').nth(match plan.session {
                    Session::FixedClientId | Session::SharedKept => 8,
                    Session::Clean | Session::Kept => 4,
                })
            });
            for (number, line) in log.lines().enumerate() {
                let is_related = common.is_some_and(|it| line.split(' ').any(|word| word == it));
                if line.contains(&topic) || is_related || line.contains(": mosquitto version") {
                    self.evidence += &format!("\n{number:9} {line}");
                }
            }
        }
    }

    /// The share of the requests that were told Ok.
    pub fn share_ok(&self) -> f64 {
        self.ok as f64 / self.requests as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.requests as f64 / self.elapsed.as_secs_f64();
        writeln!(f, "{}", self.title)?;
        writeln!(
            f,
            "{:7.1} s, {rate:.0} requests a second",
            self.elapsed.as_secs_f64()
        )?;
        writeln!(
            f,
            "{:7} stops of the broker: {} terminated, {} killed; down for {:.1} s altogether",
            self.terminated + self.killed,
            self.terminated,
            self.killed,
            self.downtime.as_secs_f64()
        )?;
        writeln!(
            f,
            "{:7} Ok ({:.2} %), {} of them lost",
            self.ok,
            100.0 * self.share_ok(),
            self.lost
        )?;
        for (text, count) in &self.errors {
            writeln!(f, "{count:7} error: {text}")?;
        }
        writeln!(
            f,
            "{:7} delivered and {} not delivered, of those told that it is unknown",
            self.unknown_delivered, self.unknown_lost
        )?;
        writeln!(f, "{:7} sent more than once", self.resent)?;
        writeln!(
            f,
            "{:7} received by the subscriber, {} of them more than once; {} lost on the way to it",
            self.received, self.received_again, self.not_received
        )?;
        write!(f, "{:7} promises broken", self.contradictions.len())?;
        for contradiction in self.contradictions.iter().take(SHOWN) {
            write!(f, "\n        {contradiction}")?;
        }
        f.write_str(&self.evidence)
    }
}
