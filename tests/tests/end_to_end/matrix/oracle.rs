//! What docs/delivery.md says that a guest is told.

use end_to_end::probe::Qos;

use super::case::{Case, Connection, Fault, LARGE, Point, Second};

/// What a guest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// `publish` returned Ok.
    Ok,
    /// `open` failed.
    NotOpened,
    /// The error says that the message was not delivered.
    NotDelivered,
    /// The error says that the delivery is unknown.
    Unknown,
}

use Verdict::{NotDelivered, NotOpened, Ok, Unknown};

/// Where the message is when the fault strikes, as far as its sender can know.
#[derive(Clone, Copy)]
enum Progress {
    /// Nothing of it was sent.
    Before,
    /// It was sent in full, and CONNACK has not come.
    Unaccepted,
    /// A part of it was sent.
    Within,
    /// It was sent in full, and CONNACK has come. At QoS 0 that is all, unless it is the first of its connection, behind which
    /// a ping is to be answered.
    Behind,
    /// It was sent in full, and its last acknowledgement has come.
    Done,
}

/// What the guest may be told. Where the fault races with the message, or a system may take more or less of it at once, it
/// is more than one.
pub fn allowed(case: &Case) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = progress(case)
        .into_iter()
        .flat_map(|progress| match case.fault {
            Fault::Bytewise | Fault::Merged => vec![Ok],
            Fault::Silence => vec![unanswered(case, progress)],
            Fault::Garbage | Fault::WrongId => violated(case, progress),
            Fault::Fin | Fault::Rst => lost(case, progress),
        })
        .collect();
    if case.point == Point::Accept && case.is_lost() {
        verdicts.push(NotOpened);
    }
    verdicts
}

fn progress(case: &Case) -> Vec<Progress> {
    use Progress::{Before, Behind, Done, Unaccepted, Within};
    // A message that is not large leaves at once, with the CONNECT of a fresh connection.
    let is_large = case.payload == LARGE;
    let is_released = case.is_released_first();
    match case.point {
        // Until its packet id is free, nothing of it is sent.
        Point::Accept | Point::Connect | Point::HalfConnack | Point::Idle if is_released => {
            vec![Before]
        }
        Point::Connack if is_released && is_large => vec![Before, Within, Behind],
        Point::Connack if is_released => vec![Before, Behind],
        Point::Accept if is_large => vec![Before, Within, Unaccepted],
        Point::Accept => vec![Before, Unaccepted],
        Point::Connect | Point::HalfConnack if is_large => vec![Within, Unaccepted],
        Point::Connect | Point::HalfConnack => vec![Unaccepted],
        Point::Idle if is_large => vec![Before, Within, Behind],
        Point::Idle => vec![Before, Behind],
        Point::Connack | Point::PublishFirst | Point::PublishHalf if is_large => {
            vec![Within, Behind]
        }
        Point::Connack
        | Point::PublishFirst
        | Point::PublishHalf
        | Point::Publish
        | Point::Pubrec
        | Point::Pubrel => {
            vec![Behind]
        }
        Point::Puback | Point::Pubcomp | Point::Disconnect => vec![Done],
    }
}

/// Whether nobody answers the message.
pub fn is_unanswerable(case: &Case) -> bool {
    case.qos == Qos::AtMostOnce && case.connection == Connection::Reused && !case.is_kept
}

/// The broker reads all, and says nothing.
fn unanswered(case: &Case, progress: Progress) -> Verdict {
    match progress {
        Progress::Done => Ok,
        // Before it, on an idle connection, which was accepted.
        _ if is_unanswerable(case) => Ok,
        Progress::Before if case.is_released_first() => NotDelivered,
        _ => Unknown,
    }
}

/// The broker breaks the protocol.
fn violated(case: &Case, progress: Progress) -> Vec<Verdict> {
    match progress {
        Progress::Done => vec![Ok],
        // Before the message it is an end of the connection like any other, or the message's own failure.
        Progress::Before => vec![Ok, NotDelivered],
        Progress::Within => vec![NotDelivered],
        Progress::Unaccepted => vec![Unknown],
        // What comes behind the last byte may come behind the Ok as well.
        Progress::Behind if is_unanswerable(case) => vec![Ok, Unknown],
        Progress::Behind => vec![Unknown],
    }
}

/// The connection is lost.
fn lost(case: &Case, progress: Progress) -> Vec<Verdict> {
    let is_kept = case.is_kept;
    match (progress, case.qos) {
        (Progress::Done, _) => vec![Ok],
        (Progress::Before, _) => sent_anew(case),
        (Progress::Unaccepted, Qos::AtMostOnce) => vec![Unknown],
        (Progress::Within, Qos::AtMostOnce) => vec![NotDelivered],
        // Once the system has all of it. It takes nothing more of a connection that is known to be lost.
        (Progress::Behind, Qos::AtMostOnce) if is_unanswerable(case) => vec![Ok, Unknown],
        (Progress::Behind, Qos::AtMostOnce) => vec![Unknown],
        (Progress::Within, Qos::ExactlyOnce) if !is_kept => vec![NotDelivered],
        (Progress::Unaccepted | Progress::Behind, Qos::ExactlyOnce) if !is_kept => vec![Unknown],
        (Progress::Within, _) => sent_anew(case),
        (_, Qos::AtLeastOnce) => vec![sent_again(case)],
        (_, Qos::ExactlyOnce) => vec![resumed(case)],
    }
}

/// Nothing can have been delivered by the first connection.
fn sent_anew(case: &Case) -> Vec<Verdict> {
    match case.second {
        Second::Behaves | Second::Forgets => vec![Ok],
        // It depends on how much of it left with the CONNECT.
        Second::DiesAgain => vec![NotDelivered, Unknown],
        Second::RefusesConnect | Second::RefusesTcp => vec![NotDelivered],
    }
}

/// At QoS 1, what may have been delivered is sent again.
fn sent_again(case: &Case) -> Verdict {
    match case.second {
        Second::Behaves | Second::Forgets => Ok,
        Second::DiesAgain | Second::RefusesConnect | Second::RefusesTcp => Unknown,
    }
}

/// At QoS 2, a kept session goes on where it was.
fn resumed(case: &Case) -> Verdict {
    match case.second {
        Second::Behaves => Ok,
        Second::Forgets | Second::DiesAgain | Second::RefusesConnect | Second::RefusesTcp => {
            Unknown
        }
    }
}
