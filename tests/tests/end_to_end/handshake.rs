//! The exchange as the broker sees it, packet by packet.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::{
        packet::{
            Connect,
            PacketKind::{self, *},
            connack,
        },
        scripted::{End, Ledger, Script, ScriptedBroker},
    },
    probe::{Content, Probe, Qos},
};

#[test]
fn connect_and_the_first_publish_leave_in_one_write() -> Result<()> {
    for qos in Qos::ALL {
        let ledger = play(|probe| probe.publish("pets", qos, Content::Size(3000)))?;
        let first_two: Vec<_> = ledger
            .received
            .iter()
            .take(2)
            .map(|received| (received.packet.kind(), received.chunk))
            .collect();
        ensure!(
            first_two == [(PacketKind::Connect, 0), (Publish, 0)],
            "{ledger:?}"
        );
    }
    Ok(())
}

#[test]
fn each_qos_has_its_handshake_and_ends_with_a_disconnect() -> Result<()> {
    let handshakes: [(Qos, &[PacketKind]); 3] = [
        // The ping is for the first of a connection: whoever answers it has read the message.
        (
            Qos::AtMostOnce,
            &[PacketKind::Connect, Publish, PingReq, Disconnect],
        ),
        (
            Qos::AtLeastOnce,
            &[PacketKind::Connect, Publish, Disconnect],
        ),
        (
            Qos::ExactlyOnce,
            &[PacketKind::Connect, Publish, PubRel, Disconnect],
        ),
    ];
    for (qos, kinds) in handshakes {
        let ledger = play(|probe| probe.publish("pets", qos, "a cat").drop_connection())?;
        ensure!(ledger.kinds() == kinds, "{ledger:?}");
        ensure!(ledger.end == End::Closed, "{ledger:?}");
        let publish = ledger.publications().next().context("no PUBLISH")?;
        ensure!(publish.qos == qos as u8, "{publish:?}");
        ensure!(!publish.retain && !publish.dup, "{publish:?}");
        ensure!(publish.topic == "pets" && publish.payload == b"a cat");
    }
    Ok(())
}

// The guest runs on for a while after the drop: it must be the drop that says good-bye, not the end of the guest.
#[test]
fn the_drop_disconnects_at_once() -> Result<()> {
    let ledger = play(|probe| {
        probe
            .publish("pets", Qos::AtMostOnce, "a cat")
            .drop_connection()
            .sleep(Duration::from_secs(3))
    })?;
    let disconnect = ledger.received.last().context("nothing came")?;
    ensure!(disconnect.packet.kind() == Disconnect, "{ledger:?}");
    ensure!(disconnect.at < Duration::from_millis(2500), "{ledger:?}");
    Ok(())
}

#[test]
fn a_connection_that_nothing_was_published_on_is_closed() -> Result<()> {
    let ledger = play(|probe| probe.drop_connection())?;
    ensure!(ledger.end == End::Closed, "{ledger:?}");
    // Whether CONNECT was sent is open; a DISCONNECT without it would be a fault.
    ensure!(
        ledger.kinds().is_empty() || ledger.kinds() == [PacketKind::Connect, Disconnect],
        "{ledger:?}"
    );
    Ok(())
}

#[test]
fn packet_ids_of_a_connection_differ() -> Result<()> {
    let ledger = play(|mut probe| {
        for qos in [
            Qos::AtLeastOnce,
            Qos::ExactlyOnce,
            Qos::AtMostOnce,
            Qos::AtLeastOnce,
        ] {
            probe = probe.publish("pets", qos, "a cat");
        }
        probe
    })?;
    let ids: Vec<_> = ledger
        .publications()
        .filter_map(|publish| publish.packet_id)
        .collect();
    ensure!(
        ids.len() == 3 && ids.iter().collect::<BTreeSet<_>>().len() == 3,
        "{ids:?}"
    );
    Ok(())
}

#[test]
fn a_client_id_is_taken_from_the_address() -> Result<()> {
    let connect = connect_to("?client_id=my%20cat", 30)?;
    ensure!(connect.client_id == "my cat", "{connect:?}");
    ensure!(connect.clean_session);
    Ok(())
}

#[test]
fn a_client_id_is_made_where_none_is_given() -> Result<()> {
    let broker = ScriptedBroker::start(vec![Script::behave(); 6])?;
    for _ in 0..2 {
        let mut probe = Probe::new();
        for _ in 0..3 {
            probe = probe
                .open(&broker.url())
                .publish("pets", Qos::AtLeastOnce, "a cat");
        }
        probe.run()?.expect_ok()?;
    }
    let mut ids = BTreeSet::new();
    for ledger in broker.finish()? {
        let connect = ledger.connect()?;
        let id = &connect.client_id;
        // What every server must take [MQTT-3.1.3-5].
        ensure!((1..=23).contains(&id.len()), "{id:?}");
        ensure!(
            id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{id:?}"
        );
        ensure!(connect.clean_session);
        ids.insert(id.clone());
    }
    ensure!(ids.len() == 6, "not unique: {ids:?}");
    Ok(())
}

#[test]
fn a_session_may_be_kept() -> Result<()> {
    let connect = connect_to("?client_id=cat&clean_session=false", 30)?;
    ensure!(!connect.clean_session, "{connect:?}");
    Ok(())
}

#[test]
fn the_keep_alive_is_sent_and_clamped() -> Result<()> {
    for (asked, sent) in [
        (0, 0),
        (1, 1),
        (30, 30),
        (65_535, 65_535),
        (65_536, 65_535),
        (u64::MAX, 65_535),
    ] {
        let connect = connect_to("", asked)?;
        ensure!(connect.keep_alive == sent, "{asked}: {connect:?}");
    }
    Ok(())
}

#[test]
fn a_long_wait_is_bridged_with_pings() -> Result<()> {
    // A broker breaks off after one and a half times the keep alive of 1 s.
    let script = Script::new()
        .receive(PacketKind::Connect)
        .acknowledge(PacketKind::Connect)
        .receive(Publish)
        .receive(PingReq)
        .acknowledge(PingReq)
        .receive(PingReq)
        .acknowledge(PingReq)
        .wait(Duration::from_millis(400))
        .acknowledge(Publish);
    let broker = ScriptedBroker::start([script])?;
    Probe::new()
        .open_as(&broker.url(), "", "", 1)
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .run()?
        .expect_ok()?;
    let ledger = broker.finish()?.remove(0);
    ensure!(
        ledger.kinds()[..4] == [PacketKind::Connect, Publish, PingReq, PingReq],
        "{ledger:?}"
    );
    let mut last = Duration::ZERO;
    for received in &ledger.received {
        ensure!(
            received.at - last < Duration::from_millis(1500),
            "{ledger:?}"
        );
        last = received.at;
    }
    Ok(())
}

#[test]
fn a_keep_alive_of_0_pings_never() -> Result<()> {
    let script = Script::new()
        .receive(PacketKind::Connect)
        .acknowledge(PacketKind::Connect)
        .receive(Publish)
        .wait(Duration::from_millis(1500))
        .acknowledge(Publish);
    let broker = ScriptedBroker::start([script])?;
    Probe::new()
        .open_as(&broker.url(), "", "", 0)
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .run()?
        .expect_ok()?;
    let ledger = broker.finish()?.remove(0);
    ensure!(!ledger.kinds().contains(&PingReq), "{ledger:?}");
    Ok(())
}

// Each of MQTT's refusals [MQTT-3.2.2.3], in words, as the first publication's error.
#[test]
fn a_refusal_is_told_in_words() -> Result<()> {
    let refusals: [(u8, &[&str]); 5] = [
        (1, &["protocol", "3.1.1"]),
        (2, &["identifier", "client id"]),
        (3, &["unavailable"]),
        (4, &["user name", "username", "password"]),
        (5, &["authorized", "authorised"]),
    ];
    for (code, words) in refusals {
        for qos in Qos::ALL {
            let script = Script::new()
                .receive(PacketKind::Connect)
                .send(connack(code))
                .close();
            let broker = ScriptedBroker::start([script])?;
            let outcomes = Probe::new()
                .open(&broker.url())
                .publish("pets", qos, "a cat")
                .run()?;
            outcomes.at(0).expect_ok()?;
            outcomes
                .at(1)
                .expect_error_with_any("connection-failed", words)
                .with_context(|| format!("code {code} at {qos:?}"))?;
        }
    }
    Ok(())
}

/// The exchange of a well-behaved broker and a guest that opens a connection and does what `calls` adds.
fn play(calls: impl FnOnce(Probe) -> Probe) -> Result<Ledger> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    calls(Probe::new().open(&broker.url())).run()?.expect_ok()?;
    Ok(broker.finish()?.remove(0))
}

fn connect_to(query: &str, keep_alive_secs: u64) -> Result<Connect> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    Probe::new()
        .open_as(&format!("{}{query}", broker.url()), "", "", keep_alive_secs)
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .run()?
        .expect_ok()?;
    Ok(broker.finish()?.remove(0).connect()?.clone())
}
