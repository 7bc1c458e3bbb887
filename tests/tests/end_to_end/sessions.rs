//! A session that the broker keeps brings messages that the guest never asked for: they are none of its business.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    ops::RangeInclusive,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::{
        Access,
        aedes::{self, Aedes},
        packet::PacketKind::*,
        scripted::{Script, ScriptedBroker},
    },
    compose::Composed,
    guest::Guest,
    on_each_broker,
    probe::{Content, Probe, Qos},
    subscriber::Subscriber,
};

const KEPT: &str = "?client_id=cat&clean_session=false";

/// A PUBLISH to the topic `t`, of more than one byte of length and less than 2 MiB.
fn publish(qos: u8, id: u16, payload: usize) -> Vec<u8> {
    let mut body = vec![0, 1, b't'];
    if qos > 0 {
        body.extend(id.to_be_bytes());
    }
    body.resize(body.len() + payload, b'x');
    let length = body.len();
    let mut packet = vec![0x30 | qos << 1];
    packet.extend([
        (length & 0x7f) as u8 | 0x80,
        (length >> 7 & 0x7f) as u8 | 0x80,
        (length >> 14) as u8,
    ]);
    packet.extend(body);
    packet
}

fn pubrel(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![0x62, 2, high, low]
}

#[test]
fn messages_for_the_session_are_acknowledged_and_dropped() -> Result<()> {
    let script = Script::new()
        .receive(Connect)
        .acknowledge(Connect)
        .receive(Publish)
        .send(publish(0, 0, 10))
        .send(publish(1, 9, 300_000))
        .send(publish(2, 10, 0))
        .receive(PubAck)
        .receive(PubRec)
        .send(pubrel(10))
        .receive(PubComp)
        .acknowledge(Publish);
    let broker = ScriptedBroker::start([script])?;
    Probe::new()
        .open(&format!("{}{KEPT}", broker.url()))
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .drop_connection()
        .run()?
        .expect_ok()?;
    let kinds = broker.finish()?.remove(0).kinds();
    ensure!(
        kinds == [Connect, Publish, PubAck, PubRec, PubComp, Disconnect],
        "{kinds:?}"
    );
    Ok(())
}

/// What comes in between the last Ok and the close resets the connection, and with it what the broker has not read: so the broker
/// has read all that was Ok.
#[test]
fn a_message_of_a_kept_session_is_read_before_it_is_ok() -> Result<()> {
    let script = Script::new()
        .receive(Connect)
        .acknowledge(Connect)
        .receive(Publish)
        .acknowledge(Publish)
        .wait(Duration::from_secs(1))
        .send(publish(0, 0, 10))
        .receive(Publish)
        .receive(PingReq)
        .acknowledge(PingReq)
        .receive(Disconnect)
        .close();
    let broker = ScriptedBroker::start([script])?;
    let outcomes = Probe::new()
        .open(&format!("{}{KEPT}", broker.url()))
        .publish("pets", Qos::AtLeastOnce, "a kitten")
        .publish("pets", Qos::AtMostOnce, Content::Size(1_500_000))
        .drop_connection()
        .run()?;
    outcomes.expect_ok()?;
    ensure!(
        outcomes.at(2).elapsed > Duration::from_millis(500),
        "{outcomes:?}"
    );
    let ledger = broker.finish()?.remove(0);
    ensure!(
        ledger.kinds() == [Connect, Publish, Publish, PingReq, Disconnect],
        "{ledger:?}"
    );
    Ok(())
}

/// An id that an earlier connection left half way would make a broker drop the new message.
#[test]
fn packet_ids_of_a_kept_session_do_not_all_begin_at_1() -> Result<()> {
    let broker = ScriptedBroker::start(vec![Script::behave(); 3])?;
    let address = format!("{}{KEPT}", broker.url());
    // Of one instance that keeps no connection, for want of three instances.
    let composed = Composed::new(Guest::Probe, &["--no-reuse"])?;
    let publish = |probe: Probe| {
        probe
            .open(&address)
            .publish("pets", Qos::AtLeastOnce, "a cat")
            .drop_connection()
    };
    publish(publish(publish(Probe::new().component(&composed.path()))))
        .run()?
        .expect_ok()?;
    let ids: Vec<_> = broker
        .finish()?
        .iter()
        .flat_map(|ledger| {
            ledger
                .publications()
                .filter_map(|it| it.packet_id)
                .collect::<Vec<_>>()
        })
        .collect();
    ensure!(ids.len() == 3 && ids != [1, 1, 1], "{ids:?}");
    Ok(())
}
