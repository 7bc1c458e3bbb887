//! A mosquitto that is restarted in the midst of a message, at any point of its handshake.

use std::{process::Command, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::{
        Kind,
        interceptor::{Interceptor, Lost},
        restartable::{Restartable, Stop},
    },
    probe::{CallResult, Outcome, Probe, Qos},
    process::{self, Finished},
};

const KEPT: &str = "?client_id=cat&clean_session=false";

/// The promise of QoS 2 on a session that both sides keep: exactly once, through a restart at any point.
#[test]
fn exactly_once_across_a_restart() -> Result<()> {
    for lost in [
        Lost::Connack,
        Lost::Publish,
        Lost::Pubrec,
        Lost::Pubrel,
        Lost::Pubcomp,
    ] {
        let Some(restart) = Restart::of_kept_qos_2(lost, Stop::Terminate)? else {
            return Ok(());
        };
        let outcome = restart.publish(KEPT, Qos::ExactlyOnce)?;
        outcome
            .expect_ok()
            .with_context(|| format!("{lost:?}: {}", restart.log()))?;
        let received = restart.received(1)?;
        ensure!(
            received == ["a cat", LAST],
            "{lost:?}: {received:?}\n{}",
            restart.log()
        );
    }
    Ok(())
}

/// Without a session it can't be known, and that is what is said: it is not delivered twice.
#[test]
fn at_most_once_of_exactly_once_without_a_session() -> Result<()> {
    for (lost, deliveries) in [(Lost::Pubrec, 0), (Lost::Pubrel, 0), (Lost::Pubcomp, 1)] {
        let Some(restart) = Restart::at(lost, Stop::Terminate)? else {
            return Ok(());
        };
        expect_unknown(&restart.publish("", Qos::ExactlyOnce)?)?;
        let received = restart.received(deliveries)?;
        ensure!(received.len() == deliveries + 1, "{lost:?}: {received:?}");
    }
    Ok(())
}

/// A broker that was killed has lost the session: that is an error, and no second delivery.
#[test]
fn a_session_that_is_lost_is_an_error() -> Result<()> {
    for lost in [Lost::Pubrec, Lost::Pubrel, Lost::Pubcomp] {
        let Some(restart) = Restart::of_kept_qos_2(lost, Stop::Kill)? else {
            return Ok(());
        };
        expect_unknown(&restart.publish(KEPT, Qos::ExactlyOnce)?)?;
        let copies = restart.log().matches("Received PUBLISH from cat").count();
        ensure!(copies == 1, "{lost:?}: {}", restart.log());
    }
    Ok(())
}

#[test]
fn at_least_once_across_a_restart() -> Result<()> {
    for how in [Stop::Terminate, Stop::Kill] {
        for (lost, copies) in [(Lost::Publish, 1), (Lost::Puback, 2)] {
            let Some(restart) = Restart::at(lost, how)? else {
                return Ok(());
            };
            let outcome = restart.publish("", Qos::AtLeastOnce)?;
            outcome
                .expect_ok()
                .with_context(|| format!("{lost:?}: {}", restart.log()))?;
            let received = restart.log().matches("'pets', ... (5 bytes)").count();
            ensure!(received >= copies, "{lost:?}: {}", restart.log());
        }
    }
    Ok(())
}

/// What is published behind the test's own message, so that nothing else can be on its way.
const LAST: &str = "last";

/// A broker that is restarted when its publisher's packet comes.
struct Restart {
    broker: Arc<Restartable>,
    interceptor: Interceptor,
}

impl Restart {
    /// None where mosquitto is not installed. A subscriber, which is away, has a session there.
    fn at(lost: Lost, how: Stop) -> Result<Option<Self>> {
        Self::behind(lost, 0, how)
    }

    /// For a QoS 2 message of a kept session, whose packet id is freed before it is sent: by a PUBREL and a PUBCOMP that are
    /// not its own.
    fn of_kept_qos_2(lost: Lost, how: Stop) -> Result<Option<Self>> {
        let earlier = usize::from(matches!(lost, Lost::Pubrel | Lost::Pubcomp));
        Self::behind(lost, earlier, how)
    }

    fn behind(lost: Lost, earlier: usize, how: Stop) -> Result<Option<Self>> {
        if !Kind::Mosquitto.is_here() {
            return Ok(None);
        }
        let broker = Arc::new(Restartable::start()?);
        let restarted = broker.clone();
        let interceptor = Interceptor::start(broker.address(), lost, earlier, move || {
            restarted
                .stop(how)
                .and_then(|()| restarted.resume())
                .expect("mosquitto restarts");
        })?;
        let restart = Self {
            broker,
            interceptor,
        };
        let subscribed = restart.subscribe(&["-E"])?;
        ensure!(subscribed.status.success(), "{subscribed}");
        Ok(Some(restart))
    }

    fn publish(&self, query: &str, qos: Qos) -> Result<Outcome> {
        let mut outcomes = Probe::new()
            .open(&format!("{}{query}", self.interceptor.url()))
            .publish("pets", qos, "a cat")
            .drop_connection()
            .run()?
            .into_vec();
        Ok(outcomes.swap_remove(1))
    }

    /// The payloads that the subscriber gets, up to the last one.
    fn received(&self, expected: usize) -> Result<Vec<String>> {
        let mut publish = self.client("mosquitto_pub")?;
        publish.args(["-q", "2", "-t", "pets", "-m", LAST]);
        let published = process::run(publish, Duration::from_secs(20))?;
        ensure!(published.status.success(), "{published}");
        let received = self.subscribe(&["-C", &(expected + 1).to_string()])?;
        ensure!(received.status.success(), "{received}");
        Ok(received.stdout.lines().map(str::to_owned).collect())
    }

    fn subscribe(&self, args: &[&str]) -> Result<Finished> {
        let mut subscribe = self.client("mosquitto_sub")?;
        subscribe
            .args(["-i", "subscriber", "-c", "-q", "2", "-t", "pets"])
            .args(args);
        process::run(subscribe, Duration::from_secs(20))
    }

    fn client(&self, name: &str) -> Result<Command> {
        let program = process::find(name).with_context(|| format!("{name} is not installed"))?;
        let mut client = Command::new(program);
        client.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.broker.address().port().to_string(),
        ]);
        Ok(client)
    }

    fn log(&self) -> String {
        self.broker.log().unwrap_or_else(|error| error.to_string())
    }
}

fn expect_unknown(outcome: &Outcome) -> Result<()> {
    ensure!(
        matches!(&outcome.result, CallResult::Error { text, .. }
            if text.ends_with("; whether the message was delivered is unknown")),
        "{outcome:?}"
    );
    Ok(())
}
