//! User name and password.

use anyhow::{Result, ensure};
use end_to_end::{
    broker::{
        Access,
        scripted::{Script, ScriptedBroker},
    },
    on_each_broker,
    probe::{Probe, Qos},
    subscriber::Subscriber,
};

const CAT: Access<'_> = Access::Password {
    user: "cat",
    password: "purr purr",
};

on_each_broker! {
    fn the_right_password_is_let_in(kind) {
        let broker = kind.start(CAT)?;
        let subscriber = Subscriber::start(broker.address(), CAT, "pets", Qos::AtLeastOnce)?;
        Probe::new()
            .open_as(&broker.url(), "cat", "purr purr", 30)
            .publish("pets", Qos::AtLeastOnce, "a cat")
            .run()?
            .expect_ok()?;
        ensure!(subscriber.next()?.payload == b"a cat");
        Ok(())
    }

    // mosquitto refuses with a CONNACK, rumqttd closes without one. Both are a failed connection, at each QoS.
    fn a_wrong_password_and_none_are_kept_out(kind) {
        let broker = kind.start(CAT)?;
        let subscriber = Subscriber::start(broker.address(), CAT, "#", Qos::AtLeastOnce)?;
        for (user, password) in [("cat", "hiss"), ("dog", "purr purr"), ("cat", ""), ("", "")] {
            for qos in Qos::ALL {
                let outcomes = Probe::new()
                    .open_as(&broker.url(), user, password, 30)
                    .publish("pets", qos, "a cat")
                    .run()?;
                outcomes.at(0).expect_ok()?;
                outcomes.at(1).expect_error("connection-failed", "")?;
            }
        }
        Probe::new()
            .open_as(&broker.url(), "cat", "purr purr", 30)
            .publish("end", Qos::AtLeastOnce, "")
            .run()?
            .expect_ok()?;
        ensure!(subscriber.next()?.topic == "end", "a client who was kept out has published");
        Ok(())
    }
}

#[test]
fn empty_means_none() -> Result<()> {
    let connect = connect_with("", "")?;
    ensure!(connect.username.is_none() && connect.password.is_none());
    Ok(())
}

#[test]
fn a_user_needs_no_password() -> Result<()> {
    let connect = connect_with("cat", "")?;
    ensure!(connect.username.as_deref() == Some("cat") && connect.password.is_none());
    Ok(())
}

#[test]
fn both_are_sent_as_they_are() -> Result<()> {
    let connect = connect_with("Käthe the cat", "pürr %20")?;
    ensure!(connect.username.as_deref() == Some("Käthe the cat"));
    ensure!(connect.password.as_deref() == Some("pürr %20".as_bytes()));
    Ok(())
}

#[test]
fn a_password_without_a_user_is_refused() -> Result<()> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    let outcomes = Probe::new().open_as(&broker.url(), "", "purr", 30).run()?;
    outcomes.last().expect_error("other", "user")
}

/// On Spin they are lost there; here they stand in for arguments that are empty.
#[test]
fn those_of_the_address_are_sent_where_the_arguments_are_empty() -> Result<()> {
    for (arguments, sent) in [
        (("", ""), ("cat", "purr")),
        (("dog", "woof"), ("dog", "woof")),
    ] {
        let broker = ScriptedBroker::start([Script::behave()])?;
        Probe::new()
            .open_as(
                &broker.url().replace("://", "://cat:p%75rr@"),
                arguments.0,
                arguments.1,
                30,
            )
            .publish("pets", Qos::AtLeastOnce, "a cat")
            .run()?
            .expect_ok()?;
        let ledger = broker.finish()?.remove(0);
        let connect = ledger.connect()?;
        ensure!(connect.username.as_deref() == Some(sent.0), "{connect:?}");
        ensure!(
            connect.password.as_deref() == Some(sent.1.as_bytes()),
            "{connect:?}"
        );
    }
    Ok(())
}

fn connect_with(user: &str, password: &str) -> Result<end_to_end::broker::packet::Connect> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    Probe::new()
        .open_as(&broker.url(), user, password, 30)
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .run()?
        .expect_ok()?;
    Ok(broker.finish()?.remove(0).connect()?.clone())
}
