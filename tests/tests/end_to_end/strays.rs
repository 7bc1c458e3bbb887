//! Acknowledgements that nobody awaits, and brokers that remember more of a kept session than the guest does: where no
//! message's promise is touched, it goes on, on the same connection.
//!
//! Of mosquitto's tests of clients, these are `03-publish-b2c-qos1-unexpected-puback`, `03-publish-b2c-qos2-unexpected-pubcomp`
//! and `03-publish-c2b-qos2-disconnect`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::{
        packet::{
            self, Packet, PacketKind::*, connack, connack_with_session, pingresp, puback, pubcomp,
            pubrec,
        },
        scripted::{Ledger, Script, ScriptedBroker, Step},
    },
    probe::{Probe, Qos},
};

const KEPT: &str = "?client_id=cat&clean_session=false";

/// Between the first message and the second: a stray that comes then, and not before or after, is on its own.
const IDLE: Duration = Duration::from_millis(100);

/// No packet id of a clean session with a few messages.
const FOREIGN: u16 = 7_777;

#[test]
fn a_foreign_acknowledgement_behind_connack() -> Result<()> {
    for stray in [puback(FOREIGN), pubcomp(FOREIGN)] {
        goes_on(
            Script::new()
                .receive(Connect)
                .send([connack(0), stray].concat()),
        )?;
    }
    Ok(())
}

#[test]
fn a_foreign_acknowledgement_between_messages() -> Result<()> {
    for reply in [
        (|it| [packet::answer(it), puback(FOREIGN)].concat()) as fn(&Packet) -> Vec<u8>,
        |it| [packet::answer(it), pubcomp(FOREIGN)].concat(),
    ] {
        goes_on(Script::new().behave_until(Publish).reply(Publish, reply))?;
    }
    Ok(())
}

/// PUBACK and PUBCOMP once more.
#[test]
fn an_acknowledgement_that_comes_twice() -> Result<()> {
    fn twice(packet: &Packet) -> Vec<u8> {
        packet::answer(packet).repeat(2)
    }
    let publish = Script::new().behave_until(Publish).reply(Publish, twice);
    let pubrel = Script::new().behave_until(PubRel).reply(PubRel, twice);
    all_arrive_on_one_connection(publish, Qos::AtLeastOnce)?;
    all_arrive_on_one_connection(pubrel, Qos::ExactlyOnce)
}

/// The guest was told Ok before.
#[test]
fn what_comes_while_the_connection_is_idle() -> Result<()> {
    for (qos, last) in [
        (Qos::AtMostOnce, PingReq),
        (Qos::AtLeastOnce, Publish),
        (Qos::ExactlyOnce, PubRel),
    ] {
        for stray in [puback(FOREIGN), pubcomp(FOREIGN), pingresp()] {
            let script = Script::new()
                .behave_until(last)
                .acknowledge(last)
                .wait(IDLE / 4)
                .send(stray);
            all_arrive_on_one_connection(script, qos)?;
        }
    }
    Ok(())
}

/// The connection is lost at PUBLISH, and the next one at PUBREL: the session is there, and so is the time.
#[test]
fn a_kept_session_is_resumed_as_often_as_it_takes() -> Result<()> {
    let connect = |connack: Vec<u8>| Script::new().receive(Connect).send(connack);
    for lose in [Script::close as fn(Script) -> Script, Script::reset] {
        let broker = ScriptedBroker::start([
            lose(connect(connack(0)).behave_until(Publish)),
            lose(
                connect(connack_with_session())
                    .receive(Publish)
                    .acknowledge(Publish)
                    .receive(PubRel),
            ),
            connect(connack_with_session())
                .receive(PubRel)
                .acknowledge(PubRel),
        ])?;
        Probe::new()
            .open(&format!("{}{KEPT}", broker.url()))
            .publish("pets", Qos::ExactlyOnce, "a cat")
            .drop_connection()
            .run()?
            .expect_ok()?;
        let ledgers = broker.finish()?;
        ensure!(ledgers.len() == 3, "{ledgers:?}");
        let publish = |ledger: &Ledger| ledger.publications().last().cloned();
        let first = publish(&ledgers[0]).context("no PUBLISH")?;
        let again = publish(&ledgers[1]).context("no PUBLISH again")?;
        ensure!(
            !first.dup && again.dup && again.packet_id == first.packet_id,
            "{ledgers:?}"
        );
        let id = first.packet_id.context("no packet id")?;
        for ledger in &ledgers[1..] {
            ensure!(pubrels(ledger).last() == Some(&id), "{ledgers:?}");
        }
    }
    Ok(())
}

/// Messages that an instance which is gone left half way: a PUBREL lets the broker go on with each, and frees its id.
#[test]
fn a_broker_that_repeats_pubrec_of_messages_which_others_left() -> Result<()> {
    // A packet id of ours is one of these once in thousands of runs: the ids of a kept session begin at a random one.
    let left = [40_001, 40_002];
    for qos in Qos::ALL {
        let broker = ScriptedBroker::start([Script::new()
            .receive(Connect)
            .send([connack_with_session(), pubrec(left[0]), pubrec(left[1])].concat())
            .then(Step::Behave)])?;
        Probe::new()
            .open(&format!("{}{KEPT}", broker.url()))
            .publish("pets", qos, "a cat")
            .publish("pets", Qos::AtLeastOnce, "another cat")
            .drop_connection()
            .run()?
            .expect_ok()
            .with_context(|| format!("{qos:?}"))?;
        let ledgers = broker.finish()?;
        ensure!(ledgers.len() == 1, "{qos:?}: {ledgers:?}");
        let released = pubrels(&ledgers[0]);
        ensure!(
            left.iter()
                .all(|id| released.iter().filter(|it| *it == id).count() == 1),
            "{qos:?}: {ledgers:?}"
        );
    }
    Ok(())
}

/// With a broker that begins with `script` and then behaves, messages of each QoS are Ok.
fn goes_on(script: Script) -> Result<()> {
    for qos in Qos::ALL {
        all_arrive_on_one_connection(script.clone(), qos)?;
    }
    Ok(())
}

fn all_arrive_on_one_connection(script: Script, qos: Qos) -> Result<()> {
    let script = script.then(Step::Behave);
    let shown = format!("{qos:?}, {script:?}");
    let broker = ScriptedBroker::start([script])?;
    Probe::new()
        .open(&broker.url())
        .publish("pets", qos, "the first cat")
        .sleep(IDLE)
        .publish("pets", qos, "the second cat")
        .publish("pets", Qos::AtLeastOnce, "the third cat")
        .drop_connection()
        .run()?
        .expect_ok()
        .with_context(|| shown.clone())?;
    let ledgers = broker.finish()?;
    ensure!(ledgers.len() == 1, "{shown}: {ledgers:?}");
    let payloads: Vec<_> = ledgers[0]
        .publications()
        .map(|it| &it.payload[..])
        .collect();
    ensure!(
        payloads
            == [
                b"the first cat".as_slice(),
                b"the second cat",
                b"the third cat"
            ],
        "{shown}: {ledgers:?}"
    );
    Ok(())
}

/// The packet ids of all PUBREL packets.
fn pubrels(ledger: &Ledger) -> Vec<u16> {
    ledger
        .received
        .iter()
        .filter_map(|received| match received.packet {
            Packet::PubRel(id) => Some(id),
            _ => None,
        })
        .collect()
}
