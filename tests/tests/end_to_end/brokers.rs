//! Brokers that do less than MQTT asks of them, or more, as users meet them: messages go through where no promise is in doubt,
//! and each error names its cause. `mosquitto_pub`, where it is installed, is the control for what a client can expect of them.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::{
        packet::{Packet, PacketKind::*, connack, connack_with_session, puback},
        scripted::{Ledger, Script, ScriptedBroker, Step},
    },
    probe::{Probe, Qos},
    process,
};

const UNKNOWN: &str = "; whether the message was delivered is unknown";
const KEPT: &str = "client_id=cat&clean_session=false";

/// A broker that takes nothing before its CONNACK, and closes on it.
fn closes_on_early_packets() -> Script {
    Script::new().receive(Connect).receive(Publish).close()
}

/// That of [`closes_on_early_packets`], for a client that waits.
fn behaves_after_connack() -> Script {
    Script::new()
        .receive(Connect)
        .acknowledge(Connect)
        .then(Step::Behave)
}

/// Fails unless nothing came before CONNACK was sent.
fn expect_waiting(ledger: &Ledger) -> Result<()> {
    let [connect, next, ..] = &ledger.received[..] else {
        anyhow::bail!("{ledger:?}");
    };
    ensure!(connect.chunk < next.chunk, "{ledger:?}");
    Ok(())
}

#[test]
fn a_broker_that_closes_on_what_comes_before_its_connack() -> Result<()> {
    for query in ["", KEPT] {
        let broker = ScriptedBroker::start([closes_on_early_packets(), behaves_after_connack()])?;
        Probe::new()
            .open(&format!("{}?{query}", broker.url()))
            .publish("pets", Qos::AtLeastOnce, "a cat")
            .drop_connection()
            .run()?
            .expect_ok()?;
        let ledgers = broker.finish()?;
        ensure!(ledgers.len() == 2, "{ledgers:?}");
        expect_waiting(&ledgers[1])?;
    }
    Ok(())
}

/// Told once, with the cause and the remedy; the next message is Ok, also on a connection of its own.
#[test]
fn a_message_that_such_a_broker_may_have_taken_is_in_doubt_once() -> Result<()> {
    for qos in [Qos::AtMostOnce, Qos::ExactlyOnce] {
        let broker = ScriptedBroker::start([
            closes_on_early_packets(),
            behaves_after_connack(),
            behaves_after_connack(),
        ])?;
        let outcomes = Probe::new()
            .open(&broker.url())
            .publish("pets", qos, "a cat")
            .publish("pets", qos, "a second cat")
            .drop_connection()
            .open(&format!("{}?client_id=another", broker.url()))
            .publish("pets", qos, "a third cat")
            .drop_connection()
            .run()?;
        let doubt = outcomes.at(1);
        doubt.expect_error("connection-failed", "early_publish=false")?;
        doubt.expect_error("connection-failed", UNKNOWN)?;
        outcomes.at(2).expect_ok()?;
        outcomes.at(5).expect_ok()?;
        let ledgers = broker.finish()?;
        for ledger in &ledgers[1..] {
            expect_waiting(ledger)?;
        }
    }
    Ok(())
}

#[test]
fn nothing_leaves_early_where_the_address_says_so() -> Result<()> {
    for qos in Qos::ALL {
        let broker = ScriptedBroker::start([behaves_after_connack()])?;
        Probe::new()
            .open(&format!("{}?early_publish=false", broker.url()))
            .publish("pets", qos, "a cat")
            .drop_connection()
            .run()?
            .expect_ok()?;
        let ledgers = broker.finish()?;
        ensure!(ledgers.len() == 1, "{ledgers:?}");
        expect_waiting(&ledgers[0])?;
    }
    Ok(())
}

/// It reads CONNECT and throws away what came with it.
#[test]
fn a_broker_that_loses_what_comes_before_its_connack() -> Result<()> {
    let loses = Script::new()
        .receive(Connect)
        .receive(Publish)
        .acknowledge(Connect);
    let broker = ScriptedBroker::start([loses, behaves_after_connack()])?;
    Probe::new()
        .open(&format!("{}?conn_timeout_secs=1", broker.url()))
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .drop_connection()
        .run()?
        .expect_ok()?;
    let ledgers = broker.finish()?;
    ensure!(ledgers.len() == 2, "{ledgers:?}");
    expect_waiting(&ledgers[1])
}

/// What mosquitto_pub takes, ours takes: each of these leaves its meaning plain.
#[test]
fn what_is_plain_is_taken() -> Result<()> {
    fn long_puback(packet: &Packet) -> Vec<u8> {
        match packet {
            Packet::Publish(publish) => {
                let [high, low] = publish.packet_id.unwrap_or_default().to_be_bytes();
                vec![0x40, 4, high, low, 0, 0]
            }
            _ => Vec::new(),
        }
    }
    let connected = |connack: Vec<u8>| Script::new().receive(Connect).send(connack);
    let scripts = [
        (
            "session present for a clean session",
            connected(connack_with_session()).then(Step::Behave),
        ),
        (
            "PUBACK as in MQTT 5",
            connected(connack(0))
                .receive(Publish)
                .reply(Publish, long_puback)
                .then(Step::Behave),
        ),
        (
            "SUBACK, unasked",
            connected(connack(0))
                .send([0x90, 3, 0, 1, 0])
                .then(Step::Behave),
        ),
    ];
    for (what, script) in scripts {
        let broker = ScriptedBroker::start([script])?;
        let outcomes = Probe::new()
            .open(&broker.url())
            .publish("pets", Qos::AtLeastOnce, "a cat")
            .publish("pets", Qos::AtMostOnce, "a second cat")
            .drop_connection()
            .run()?;
        outcomes.expect_ok().context(what)?;
        let ledgers = broker.finish()?;
        ensure!(ledgers.len() == 1, "{what}: {ledgers:?}");
    }
    Ok(())
}

/// QoS 0 is Ok all the same, and a message on the next connection has no ping.
#[test]
fn a_broker_that_answers_no_ping() -> Result<()> {
    let connected = || Script::new().receive(Connect).acknowledge(Connect);
    let broker = ScriptedBroker::start([connected(), connected()])?;
    let outcomes = Probe::new()
        .open(&broker.url())
        .publish("pets", Qos::AtMostOnce, "a cat")
        .publish("pets", Qos::AtMostOnce, "a second cat")
        .publish("pets", Qos::AtMostOnce, "a third cat")
        .drop_connection()
        .run()?;
    outcomes.expect_ok()?;
    let ledgers = broker.finish()?;
    ensure!(
        ledgers[0].kinds().starts_with(&[Connect, Publish, PingReq]),
        "{ledgers:?}"
    );
    ensure!(
        ledgers[1].kinds() == [Connect, Publish, Publish, Disconnect],
        "{ledgers:?}"
    );
    Ok(())
}

/// As a broker does that is shut down: the connection is lost, no promise broken.
#[test]
fn a_broker_that_says_disconnect() -> Result<()> {
    for goodbye in [&[0xe0, 0][..], &[0xe0, 2, 0x8b, 0]] {
        let leaves = || {
            Script::new()
                .receive(Connect)
                .acknowledge(Connect)
                .receive(Publish)
                .send(goodbye)
                .close()
        };
        let broker = ScriptedBroker::start([leaves(), Script::behave()])?;
        Probe::new()
            .open(&broker.url())
            .publish("pets", Qos::AtLeastOnce, "a cat")
            .drop_connection()
            .run()?
            .expect_ok()?;
        broker.finish()?;

        let broker = ScriptedBroker::start([leaves(), Script::behave()])?;
        let outcomes = Probe::new()
            .open(&broker.url())
            .publish("pets", Qos::ExactlyOnce, "a cat")
            .drop_connection()
            .run()?;
        outcomes
            .at(1)
            .expect_error("connection-failed", "ended the connection by DISCONNECT")?;
        outcomes.at(1).expect_error("connection-failed", UNKNOWN)?;
        broker.finish()?;
    }
    Ok(())
}

#[test]
fn a_cause_is_named() -> Result<()> {
    fn no_qos_2(packet: &Packet) -> Vec<u8> {
        match packet {
            Packet::Publish(publish) => puback(publish.packet_id.unwrap_or_default()),
            _ => Vec::new(),
        }
    }
    let answers = |bytes: &[u8]| Script::new().receive(Connect).send(bytes);
    let cases = [
        (answers(&[0x15, 3, 3, 0, 2, 2, 0x46]), "mqtts://"),
        (answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "HTTP"),
        (
            Script::new().send(&b"220 mail.example.com ESMTP\r\n"[..]),
            "SMTP",
        ),
        (answers(&connack(6)), "code 6"),
        (
            Script::new()
                .receive(Connect)
                .acknowledge(Connect)
                .receive(Publish)
                .reply(Publish, no_qos_2),
            "use QoS 1",
        ),
    ];
    for (script, cause) in cases {
        let broker = ScriptedBroker::start([script])?;
        let outcomes = Probe::new()
            .open(&broker.url())
            .publish("pets", Qos::ExactlyOnce, "a cat")
            .run()?;
        outcomes.at(1).expect_error("connection-failed", cause)?;
        broker.finish()?;
    }
    Ok(())
}

/// The control: another client meets the same brokers and gets its message through.
#[test]
fn mosquitto_pub_gets_through_as_well() -> Result<()> {
    let Some(program) = process::find("mosquitto_pub") else {
        eprintln!("skipped: mosquitto_pub is not installed");
        return Ok(());
    };
    let connected = |connack: Vec<u8>| Script::new().receive(Connect).send(connack);
    let scripts = [
        behaves_after_connack(),
        connected(connack_with_session()).then(Step::Behave),
        connected(connack(0))
            .send([0x90, 3, 0, 1, 0])
            .then(Step::Behave),
    ];
    for (index, script) in scripts.into_iter().enumerate() {
        let broker = ScriptedBroker::start([script])?;
        let mut publish = Command::new(&program);
        let port = broker.address().port().to_string();
        publish.args(["-h", "127.0.0.1", "-p", &port]);
        publish.args(["-i", "control", "-q", "1", "-t", "pets", "-m", "a cat"]);
        let finished = process::run(publish, Duration::from_secs(20))?;
        ensure!(finished.status.success(), "{index}: {finished}");
        broker.finish()?;
    }
    Ok(())
}
