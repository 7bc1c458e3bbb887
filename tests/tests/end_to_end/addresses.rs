//! Which addresses are opened, and how the others are refused.

use std::{
    net::{Ipv6Addr, TcpListener},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::{
        scripted::{Script, ScriptedBroker},
        unresponsive::Unresponsive,
    },
    probe::{Probe, Qos},
};

#[test]
fn a_malformed_address_is_invalid() -> Result<()> {
    let malformed = [
        "",
        " ",
        "localhost",
        "localhost:1883",
        "127.0.0.1:1883",
        "//localhost",
        "http://localhost",
        "ws://localhost",
        "mqtt:",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://?client_id=cat",
        "mqtt://localhost:99999",
        "mqtt://localhost:-1",
        "mqtt://localhost:port",
        "mqtt://[::1",
        "mqtt://[::zz]",
        "mqtt://local host",
        "mqtt://localhost?mouse=1",
        "mqtt://localhost?client_id=cat&mouse=1",
        "mqtt://localhost?clean_session=maybe",
        "mqtt://localhost?keep_alive_secs=often",
        "mqtt://localhost?conn_timeout_secs=-1",
        "mqtt://localhost?ack_timeout_secs=soon",
        "mqtt://localhost?max_incoming_packet_size_bytes=big",
        "mqtt://localhost?max_outgoing_packet_size_bytes=big",
        "mqtt://localhost?request_channel_capacity_num=x",
        "mqtt://localhost?max_request_batch_num=x",
        "mqtt://localhost?pending_throttle_usecs=x",
        "mqtt://localhost?inflight_num=x",
    ];
    let probe = malformed
        .iter()
        .fold(Probe::new(), |probe, address| probe.open(address));
    let outcomes = probe.run()?;
    for (index, address) in malformed.iter().enumerate() {
        outcomes
            .at(index)
            .expect_error("invalid-address", "")
            .with_context(|| format!("{address:?}"))?;
    }
    Ok(())
}

#[test]
fn tls_is_recognised_and_not_built_in_yet() -> Result<()> {
    let outcomes = Probe::new()
        .open("mqtts://localhost?client_id=cat")
        .open("ssl://localhost:8883")
        .run()?;
    outcomes.at(0).expect_error("connection-failed", "TLS")?;
    outcomes.at(1).expect_error("connection-failed", "TLS")
}

#[test]
fn an_ipv4_address_is_opened() -> Result<()> {
    opens("mqtt://127.0.0.1:PORT")
}

#[test]
fn a_host_name_is_opened() -> Result<()> {
    opens("mqtt://localhost:PORT")
}

#[test]
fn the_scheme_tcp_is_opened() -> Result<()> {
    opens("tcp://127.0.0.1:PORT")
}

#[test]
fn every_query_key_of_spin_is_taken() -> Result<()> {
    opens(
        "mqtt://127.0.0.1:PORT?client_id=cat&clean_session=true&keep_alive_secs=30&conn_timeout_secs=5\
         &max_incoming_packet_size_bytes=10240&max_outgoing_packet_size_bytes=10240&request_channel_capacity_num=10\
         &max_request_batch_num=1&pending_throttle_usecs=1&inflight_num=10&ack_timeout_secs=20",
    )
}

#[test]
fn an_ipv6_address_is_opened() -> Result<()> {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("this system has no IPv6 on loopback: not tested");
        return Ok(());
    }
    let broker = ScriptedBroker::start_at((Ipv6Addr::LOCALHOST, 0).into(), [Script::behave()])?;
    publishes_to(&broker, &broker.url())
}

#[test]
fn a_port_where_nobody_listens_fails_at_once() -> Result<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let outcomes = Probe::new()
        .open(&format!("mqtt://127.0.0.1:{port}"))
        .run()?;
    // Not after the 5 s that TCP is given.
    ensure!(outcomes.last().elapsed < Duration::from_secs(3));
    outcomes
        .last()
        .expect_error_with_any("connection-failed", &["refused"])
}

#[test]
fn an_address_that_never_answers_fails_in_its_time() -> Result<()> {
    let unresponsive = Unresponsive::start()?;
    let outcomes = Probe::new()
        .open(&format!("{}?conn_timeout_secs=1", unresponsive.url()))
        .run()?;
    outcomes
        .last()
        .expect_error_with_any("connection-failed", &["timed out", "timeout", "time"])?;
    let elapsed = outcomes.last().elapsed;
    ensure!(
        (Duration::from_millis(900)..Duration::from_secs(4)).contains(&elapsed),
        "{elapsed:?}"
    );
    Ok(())
}

#[test]
fn a_name_that_does_not_resolve_fails() -> Result<()> {
    // RFC 6761 keeps `invalid` for names that never exist.
    let outcomes = Probe::new().open("mqtt://broker.invalid").run()?;
    ensure!(outcomes.last().elapsed < Duration::from_secs(10));
    outcomes.last().expect_error("connection-failed", "")
}

fn opens(address: &str) -> Result<()> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    let port = broker.address().port().to_string();
    publishes_to(&broker, &address.replace("PORT", &port))?;
    ensure!(broker.finish()?.remove(0).publications().count() == 1);
    Ok(())
}

fn publishes_to(broker: &ScriptedBroker, address: &str) -> Result<()> {
    Probe::new()
        .open(address)
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .run()?
        .expect_ok()
        .with_context(|| format!("{address} on {}", broker.address()))
}
