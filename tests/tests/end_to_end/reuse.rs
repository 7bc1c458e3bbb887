//! A connection that was dropped and is likely to be opened again is kept for that.

use std::{iter, time::Duration};

use anyhow::{Result, ensure};
use end_to_end::{
    broker::{
        packet::PacketKind::{self, *},
        scripted::{End, Ledger, Script, ScriptedBroker},
    },
    compose::Composed,
    guest::Guest,
    probe::{Probe, Qos},
};

/// Opens `address`, publishes and drops, `count` times.
fn use_of(probe: Probe, address: &str, count: usize) -> Probe {
    iter::repeat_n((), count).fold(probe, |probe, ()| {
        probe
            .open(address)
            .publish("pets", Qos::AtLeastOnce, "a cat")
            .drop_connection()
    })
}

fn kinds(ledgers: &[Ledger]) -> Vec<Vec<PacketKind>> {
    ledgers.iter().map(Ledger::kinds).collect()
}

// The first drop says goodbye, as always. From the second use on the instance is known to come back.
#[test]
fn the_second_connection_is_kept_for_the_third_open() -> Result<()> {
    let broker = ScriptedBroker::start(vec![Script::behave(); 5])?;
    use_of(Probe::new(), &broker.url(), 5).run()?.expect_ok()?;
    let ledgers = broker.finish()?;
    ensure!(
        kinds(&ledgers)
            == [
                vec![Connect, Publish, Disconnect],
                vec![Connect, Publish, Publish, Publish, Publish],
            ],
        "{ledgers:?}"
    );
    Ok(())
}

#[test]
fn without_reuse_each_drop_disconnects() -> Result<()> {
    let composed = Composed::new(Guest::Probe, &["--no-reuse"])?;
    let broker = ScriptedBroker::start(vec![Script::behave(); 4])?;
    use_of(Probe::new().component(&composed.path()), &broker.url(), 4)
        .run()?
        .expect_ok()?;
    let ledgers = broker.finish()?;
    ensure!(ledgers.len() == 4, "{ledgers:?}");
    for ledger in ledgers {
        ensure!(ledger.kinds() == [Connect, Publish, Disconnect]);
        ensure!(ledger.end == End::Closed, "{ledger:?}");
    }
    Ok(())
}

// Whoever opens as somebody else, or with another address, gets a connection of their own.
#[test]
fn a_connection_is_kept_for_the_same_user_and_address_only() -> Result<()> {
    let broker = ScriptedBroker::start(vec![Script::behave(); 12])?;
    let url = broker.url();
    let other = format!("{url}?client_id=other");
    let opens = [
        (&url, "cat", "purr", 30),
        (&url, "cat", "purr", 30),
        (&url, "cat", "hiss", 30),
        (&url, "dog", "purr", 30),
        (&url, "cat", "purr", 60),
        (&other, "cat", "purr", 30),
    ];
    let mut probe = Probe::new();
    for (address, user, password, keep_alive) in opens {
        probe = probe
            .open_as(address, user, password, keep_alive)
            .publish("pets", Qos::AtLeastOnce, "a cat")
            .drop_connection();
    }
    probe.run()?.expect_ok()?;
    let ledgers = broker.finish()?;
    ensure!(ledgers.len() == opens.len(), "{ledgers:?}");
    for (ledger, (_, user, password, keep_alive)) in ledgers.iter().zip(opens) {
        let connect = ledger.connect()?;
        ensure!(connect.username.as_deref() == Some(user), "{connect:?}");
        ensure!(
            connect.password.as_deref() == Some(password.as_bytes()),
            "{connect:?}"
        );
        ensure!(u64::from(connect.keep_alive) == keep_alive, "{connect:?}");
        ensure!(ledger.publications().count() == 1, "{ledger:?}");
    }
    Ok(())
}

// Nobody sees that it was closed while it was kept.
#[test]
fn a_kept_connection_that_died_is_replaced() -> Result<()> {
    for qos in Qos::ALL {
        let dying = Script::new()
            .receive(Connect)
            .acknowledge(Connect)
            .receive(Publish)
            .acknowledge(Publish);
        for dying in [dying.clone().close(), dying.reset()] {
            let broker = ScriptedBroker::start([Script::behave(), dying, Script::behave()])?;
            use_of(Probe::new(), &broker.url(), 2)
                .sleep(Duration::from_millis(200))
                .open(&broker.url())
                .publish("pets", qos, "the third cat")
                .run()?
                .expect_ok()?;
            let ledgers = broker.finish()?;
            ensure!(ledgers.len() == 3, "{ledgers:?}");
            let last = ledgers[2].publications().last();
            ensure!(
                last.is_some_and(|it| it.payload == b"the third cat"),
                "{qos:?} {ledgers:?}"
            );
        }
    }
    Ok(())
}

// Its keep alive is over by then, and the broker may be about to close it.
#[test]
fn a_connection_kept_for_too_long_is_replaced() -> Result<()> {
    let broker = ScriptedBroker::start(vec![Script::behave(); 3])?;
    let open = |probe: Probe| {
        probe
            .open_as(&broker.url(), "", "", 1)
            .publish("pets", Qos::AtMostOnce, "a cat")
            .drop_connection()
    };
    open(open(open(Probe::new())).sleep(Duration::from_millis(1300)))
        .run()?
        .expect_ok()?;
    let ledgers = broker.finish()?;
    ensure!(ledgers.len() == 3, "{ledgers:?}");
    Ok(())
}

// A few are kept: the one that was not used for the longest is closed for the next.
#[test]
fn the_least_recently_used_goes_first() -> Result<()> {
    let brokers = (0..5)
        .map(|_| ScriptedBroker::start(vec![Script::behave(); 3]))
        .collect::<Result<Vec<_>>>()?;
    let mut probe = Probe::new();
    for broker in &brokers {
        probe = use_of(probe, &broker.url(), 2);
    }
    // Those of the last four are there; that of the first was closed for the fifth.
    for broker in brokers[1..].iter().chain([&brokers[0]]) {
        probe = use_of(probe, &broker.url(), 1);
    }
    probe.run()?.expect_ok()?;
    for (index, broker) in brokers.into_iter().enumerate() {
        let ledgers = broker.finish()?;
        let expected = if index == 0 { 3 } else { 2 };
        ensure!(ledgers.len() == expected, "broker {index}: {ledgers:?}");
        if index == 0 {
            ensure!(ledgers[1].kinds() == [Connect, Publish, Disconnect]);
        }
    }
    Ok(())
}
