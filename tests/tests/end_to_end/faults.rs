//! Brokers that take nothing or answer nonsense: an error in its time, no hang and no trap. See also [`crate::matrix`].

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use end_to_end::{
    broker::{
        packet::{
            Packet,
            PacketKind::{self, *},
            connack, puback, pubrec,
        },
        scripted::{Script, ScriptedBroker},
    },
    probe::{CallResult, Content, Outcome, Probe, Qos},
};

/// How long the broker may take for an acknowledgement in these tests.
const ACK_TIMEOUT: Duration = Duration::from_secs(1);

const NOT_DELIVERED: &str = "; the message was not delivered";
const UNKNOWN: &str = "; whether the message was delivered is unknown";

#[test]
fn a_broker_that_stops_reading() -> Result<()> {
    let script = Script::new()
        .receive(PacketKind::Connect)
        .acknowledge(PacketKind::Connect)
        .wait(Duration::from_secs(6));
    let broker = ScriptedBroker::start([script])?;
    let outcomes = Probe::new()
        .open(&format!("{}?ack_timeout_secs=1", broker.url()))
        .publish("pets", Qos::AtLeastOnce, Content::Size(16 * 1024 * 1024))
        .run()?;
    expect_failure(outcomes.last(), ACK_TIMEOUT, NOT_DELIVERED)
}

#[test]
fn an_acknowledgement_of_another_kind() -> Result<()> {
    fn other_kind(packet: &Packet) -> Vec<u8> {
        match packet {
            Packet::Publish(publish) => match (publish.qos, publish.packet_id) {
                (1, Some(id)) => pubrec(id),
                (_, Some(id)) => puback(id),
                (_, None) => Vec::new(),
            },
            Packet::PubRel(id) => puback(*id),
            _ => Vec::new(),
        }
    }
    fails(Qos::AtLeastOnce, connected().reply(Publish, other_kind))?;
    fails(Qos::ExactlyOnce, connected().reply(Publish, other_kind))?;
    fails(
        Qos::ExactlyOnce,
        connected()
            .acknowledge(Publish)
            .receive(PubRel)
            .reply(PubRel, other_kind),
    )
}

#[test]
fn an_answer_that_is_not_mqtt() -> Result<()> {
    for garbage in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &[0x00; 16],
        &[0xFF; 16],
        // CONNACK of a length that it can't have, with reserved bits.
        &[0x20, 0x01, 0],
        &[0x21, 0x02, 0, 0],
        // PUBACK before CONNACK.
        &[0x40, 0x02, 0, 1],
    ] {
        for qos in Qos::ALL {
            fails(
                qos,
                Script::new().receive(PacketKind::Connect).send(garbage),
            )
            .with_context(|| format!("{garbage:02x?}"))?;
        }
    }
    Ok(())
}

// One connection's end is not the next one's: a guest that opens again goes on.
#[test]
fn a_new_connection_after_a_failed_one() -> Result<()> {
    let broken = Script::new().receive(PacketKind::Connect).reset();
    let broker = ScriptedBroker::start([broken, Script::behave()])?;
    let outcomes = Probe::new()
        .open(&broker.url())
        .publish("pets", Qos::AtMostOnce, "lost")
        .drop_connection()
        .open(&broker.url())
        .publish("pets", Qos::AtMostOnce, "a cat")
        .run()?;
    expect_failure(outcomes.at(1), Duration::ZERO, UNKNOWN)?;
    outcomes.at(4).expect_ok()?;
    let ledgers = broker.finish()?;
    let payloads: Vec<_> = ledgers[1]
        .publications()
        .map(|publish| &publish.payload)
        .collect();
    ensure!(payloads == [b"a cat"], "{ledgers:?}");
    Ok(())
}

/// CONNECT is answered, and the PUBLISH is there.
fn connected() -> Script {
    Script::new()
        .receive(PacketKind::Connect)
        .acknowledge(PacketKind::Connect)
        .receive(Publish)
}

fn fails(qos: Qos, script: Script) -> Result<()> {
    let outcome = publish_against(script.clone(), qos)?;
    expect_failure(&outcome, Duration::ZERO, UNKNOWN).with_context(|| format!("{qos:?} {script:?}"))
}

/// The outcome of one publication to a broker that plays `script`.
fn publish_against(script: Script, qos: Qos) -> Result<Outcome> {
    let broker = ScriptedBroker::start([script])?;
    let mut outcomes = Probe::new()
        .open(&format!("{}?ack_timeout_secs=1", broker.url()))
        .publish("pets", qos, "a cat")
        .run()?
        .into_vec();
    let publish = outcomes.pop().context("no outcome")?;
    let open = outcomes.pop().context("no outcome")?;
    match open.result {
        CallResult::Ok => Ok(publish),
        // A broker that breaks off at once may do so while the connection is made.
        CallResult::Error { .. } => Ok(open),
        CallResult::Skipped | CallResult::Value(_) => bail!("an open is not skipped"),
    }
}

/// Fails unless the call failed, not before `earliest` and not long after the time that acknowledgements have, and said this
/// of the message.
fn expect_failure(outcome: &Outcome, earliest: Duration, fate: &str) -> Result<()> {
    ensure!(
        matches!(&outcome.result, CallResult::Error { variant, text }
            if variant == "connection-failed" && text.ends_with(fate)),
        "an error was expected, not {outcome:?}"
    );
    let slack = Duration::from_millis(100);
    ensure!(
        outcome.elapsed + slack >= earliest,
        "too early: {outcome:?}"
    );
    ensure!(
        outcome.elapsed < ACK_TIMEOUT + Duration::from_secs(4),
        "too late: {outcome:?}"
    );
    Ok(())
}

// The guest holds what it opened for a while: it must be the adapter that closes, and not the end of the guest.
#[test]
fn the_connection_of_a_failed_publish_is_closed_at_once() -> Result<()> {
    let connected = || Script::new().receive(PacketKind::Connect);
    for (fault, script) in [
        ("a violation", connected().send([0xFF; 8])),
        ("a refusal", connected().send(connack(5))),
        ("silence", connected()),
    ] {
        let broker = ScriptedBroker::start([script])?;
        let outcomes = Probe::new()
            .open(&format!("{}?ack_timeout_secs=1", broker.url()))
            .publish("pets", Qos::ExactlyOnce, "a cat")
            .sleep(Duration::from_secs(3))
            .run()?;
        let CallResult::Error { .. } = &outcomes.at(1).result else {
            bail!("{fault}: {outcomes:?}");
        };
        let ledger = broker.finish()?.remove(0);
        ensure!(
            ledger.ended_at < Duration::from_millis(2500),
            "{fault}: {ledger:?}"
        );
    }
    Ok(())
}
