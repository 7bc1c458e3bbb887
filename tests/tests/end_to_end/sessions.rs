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

on_each_broker! {
    /// Mosquitto has room for 20 of them, and then takes what is new, completes it, and lets it lie.
    fn messages_that_were_left_half_way_do_not_stand_in_the_way(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::ExactlyOnce)?;
        leave_half_way(broker.address(), 1..=50)?;
        for name in ["Tom", "Felix", "Garfield"] {
            Probe::new()
                .open(&format!("{}{KEPT}", broker.url()))
                .publish("pets", Qos::ExactlyOnce, name)
                .drop_connection()
                .run()?
                .expect_ok()?;
            let message = subscriber.next().context(name)?;
            ensure!(message.payload == name.as_bytes(), "{message:?}");
        }
        Ok(())
    }
}

/// Whichever it takes: an earlier instance left a message with each packet id, and the broker would take a new one for that.
#[test]
fn a_packet_id_that_was_left_half_way_is_freed_on_aedes() -> Result<()> {
    if !aedes::is_here() {
        return Ok(());
    }
    let broker = Aedes::start()?;
    leave_half_way(broker.address(), 1..=u16::MAX)?;
    let address = format!("mqtt://{}{KEPT}", broker.address());
    let messages = 3;
    let mut probe = Probe::new().open(&address);
    for index in 0..messages {
        probe = probe.publish(&format!("pets/{index}"), Qos::ExactlyOnce, "a cat");
    }
    probe.drop_connection().run()?.expect_ok()?;
    let log = broker.log()?;
    for index in 0..messages {
        let passed_on = log.matches(&format!("Released pets/{index}\n")).count();
        ensure!(
            passed_on == 1,
            "message {index} was passed on {passed_on} times"
        );
    }
    Ok(())
}

/// Publishes messages at QoS 2 with these packet ids in the session of [`KEPT`], and goes away before PUBREL.
fn leave_half_way(broker: SocketAddr, ids: RangeInclusive<u16>) -> Result<()> {
    let mut stream = TcpStream::connect(broker)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(b"\x10\x0f\0\x04MQTT\x04\0\0\x1e\0\x03cat")?;
    stream.read_exact(&mut [0; 4])?;
    let mut reader = stream.try_clone()?;
    // As many PUBREC, each of four bytes.
    let answers = 4 * ids.len() as u64;
    let packets: Vec<u8> = ids.flat_map(|id| publish(2, id, 0)).collect();
    let read = thread::spawn(move || {
        io::copy(
            &mut Read::by_ref(&mut reader).take(answers),
            &mut io::sink(),
        )
    });
    stream.write_all(&packets)?;
    let read = read.join().expect("it does not panic")?;
    ensure!(read == answers, "{read} of {answers} bytes of answers came");
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
