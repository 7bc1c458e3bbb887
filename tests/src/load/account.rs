//! What the requests were told, what the broker logged and what the subscriber got, held against one another.

use std::time::Duration;

use super::{
    Answer, BrokerKind, Outage, Plan, Report,
    log::{BrokerLog, Message},
    topic,
    watcher::Seen,
};
use crate::{broker::restartable::Stop, probe::Qos};

const NOT_DELIVERED: &str = "the message was not delivered";
const UNKNOWN: &str = "whether the message was delivered is unknown";

/// What an error says of the message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    NotDelivered,
    Unknown,
    Nothing,
}

pub(super) fn settle(
    plan: &Plan,
    broker: &str,
    requests: &[(usize, Answer)],
    outages: &[Outage],
    log: &BrokerLog,
    seen: Seen,
    elapsed: Duration,
) -> Report {
    let mut report = Report::new(plan, elapsed, outages);
    report.requests = requests.len();
    report.received = seen.times.len();
    report.received_again = seen.times.values().filter(|times| **times > 1).count();
    let none = Message::default();
    for (index, answer) in requests {
        let topic = topic(*index);
        let message = log.message(&topic).unwrap_or(&none);
        let received = seen.times.get(&topic).copied().unwrap_or_default();
        let mut contradict = |what: &str| report.contradictions.push(format!("{topic}: {what}"));

        if plan.qos == Qos::ExactlyOnce && message.releases > 1 {
            contradict("delivered more than once");
        }
        if let Some(what) = is_sent_wrongly(plan, message) {
            contradict(what);
        }
        if message
            .copies
            .iter()
            .any(|copy| copy.bytes != plan.size.payload(*index).len())
        {
            contradict("not as long as it was posted");
        }
        if plan.is_watched_throughout() && plan.qos == Qos::ExactlyOnce {
            if message.passed_on > 1 {
                contradict("passed on more than once");
            }
            // A restart of mosquitto 2.0.11 forgets what a subscriber has got, if much is in flight to it: some of that
            // comes again, and some never.
            if received > message.passed_on + message.passed_on_again {
                contradict("received more than once");
            }
        }

        let told = match answer {
            Answer::Published => {
                // At QoS 0 as well: the first of a connection is Ok only once the broker has read it, and a further one is
                // lost only with the broker or the network.
                let is_passed_on = !plan.is_watched_throughout()
                    || plan.qos == Qos::AtMostOnce
                    || message.passed_on > 0;
                if message.releases == 0 {
                    contradict("Ok, and the broker has not got it");
                } else if !is_passed_on {
                    contradict("Ok, and not passed on to the subscriber");
                }
                report.lost += usize::from(message.releases == 0 || !is_passed_on);
                report.ok += 1;
                report.not_received += usize::from(received == 0);
                continue;
            }
            Answer::NotOpened(_) => Told::NotDelivered,
            Answer::Failed(text) if text.ends_with(NOT_DELIVERED) => Told::NotDelivered,
            Answer::Failed(text) if text.ends_with(UNKNOWN) => Told::Unknown,
            Answer::Failed(_) => Told::Nothing,
        };
        match told {
            Told::NotDelivered if !message.copies.is_empty() => {
                contradict("the error says that it was not delivered, and the broker got it");
            }
            Told::NotDelivered => {}
            Told::Unknown if message.releases > 0 => report.unknown_delivered += 1,
            Told::Unknown => report.unknown_lost += 1,
            Told::Nothing => contradict("the error says nothing of the message"),
        }
        let (Answer::NotOpened(text) | Answer::Failed(text)) = answer else {
            continue;
        };
        *report
            .errors
            .entry(text.replace(broker, "the broker"))
            .or_default() += 1;
    }
    for topic in log.topics() {
        report.resent += usize::from(log.message(topic).is_some_and(|it| it.copies.len() > 1));
    }
    for topic in seen.altered {
        report
            .contradictions
            .push(format!("{topic}: received altered"));
    }
    report
}

/// What is wrong with the copies of a message that the broker got, if anything is.
fn is_sent_wrongly(plan: &Plan, message: &Message) -> Option<&'static str> {
    let [first, again @ ..] = message.copies.as_slice() else {
        return None;
    };
    let is_kept = plan.session.is_kept();
    match plan.qos {
        _ if again.is_empty() => None,
        Qos::AtMostOnce => Some("sent again at QoS 0"),
        Qos::ExactlyOnce if !is_kept => Some("sent again at QoS 2 without a session"),
        _ if is_kept && again.iter().any(|copy| !copy.is_duplicate) => {
            Some("sent again without DUP")
        }
        Qos::ExactlyOnce
            if again.iter().any(|copy| {
                (&copy.client, &copy.packet_id) != (&first.client, &first.packet_id)
            }) =>
        {
            Some("sent again as another message")
        }
        _ => None,
    }
}

impl Plan {
    /// Whether all goes on to the subscriber, and the log says so: what a killed broker had in memory for it is lost, or goes
    /// on again.
    fn is_watched_throughout(&self) -> bool {
        self.broker == BrokerKind::Mosquitto && !self.stops.contains(&Stop::Kill)
    }
}
