//! What is published arrives: at each QoS, of any size, on real brokers.

use std::{collections::BTreeMap, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::{Access, Broker, Kind},
    on_each_broker,
    probe::{Content, Probe, Qos},
    process,
    subscriber::Subscriber,
};

const PICTURE_OF_16_MIB: Content<'_> = Content::Size(16 * 1024 * 1024);

on_each_broker! {
    fn at_each_qos(kind) {
        let broker = kind.start(Access::Open)?;
        for qos in Qos::ALL {
            arrives(kind, &broker, "pets", qos, Content::Text("a cat"))?;
        }
        Ok(())
    }

    fn an_empty_payload_and_one_of_a_byte(kind) {
        let broker = kind.start(Access::Open)?;
        for qos in Qos::ALL {
            arrives(kind, &broker, "pets", qos, Content::Empty)?;
            arrives(kind, &broker, "pets", qos, Content::Size(1))?;
        }
        Ok(())
    }

    fn a_picture_of_16_mib(kind) {
        let broker = kind.start(Access::Open)?;
        arrives(kind, &broker, "pets", Qos::AtLeastOnce, PICTURE_OF_16_MIB)
    }

    fn a_picture_of_16_mib_at_most_once(kind) {
        let broker = kind.start(Access::Open)?;
        arrives(kind, &broker, "pets", Qos::AtMostOnce, PICTURE_OF_16_MIB)
    }

    fn sizes_around_what_one_write_takes(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = subscribe(&broker, "pets", Qos::AtLeastOnce)?;
        let sizes = [126, 127, 128, 4095, 4096, 4097, 16_383, 16_384, 65_535, 65_536, 1_048_577];
        let mut probe = Probe::new().open(&broker.url());
        for size in sizes {
            probe = probe.publish("pets", Qos::AtLeastOnce, Content::Size(size));
        }
        probe.run()?.expect_ok()?;
        for size in sizes {
            let message = subscriber.next()?;
            ensure!(message.payload == Content::Size(size).bytes(), "{size}: {message:?}");
        }
        Ok(())
    }

    // Each topic has an order at each QoS [MQTT-4.6.0-6], and no more is promised: a message of QoS 0 passes by those that wait
    // for room in the subscriber's window of unacknowledged messages.
    fn many_on_one_connection_in_order(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = subscribe(&broker, "pets/+", Qos::ExactlyOnce)?;
        let sent: Vec<(&str, Qos)> = (0..60)
            .map(|index| (["pets/cat", "pets/dog"][index % 2], Qos::ALL[index % 3]))
            .collect();
        let mut probe = Probe::new().open(&broker.url());
        for (index, (topic, qos)) in sent.iter().enumerate() {
            probe = probe.publish(topic, *qos, Content::Size(index));
        }
        probe.run()?.expect_ok()?;
        let mut expected = BTreeMap::<_, Vec<usize>>::new();
        for (index, stream) in sent.iter().enumerate() {
            expected.entry(*stream).or_default().push(index);
        }
        let mut arrived = BTreeMap::<_, Vec<usize>>::new();
        for _ in &sent {
            let message = subscriber.next()?;
            let index = message.payload.len();
            ensure!(message.payload == Content::Size(index).bytes(), "{message:?}");
            let (topic, qos) = sent.get(index).with_context(|| format!("{message:?}"))?;
            ensure!(message.topic == *topic, "{index}: {message:?}");
            arrived.entry((*topic, *qos)).or_default().push(index);
        }
        ensure!(arrived == expected, "{arrived:?}");
        Ok(())
    }

    fn on_two_connections_at_once(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = subscribe(&broker, "pets/#", Qos::AtLeastOnce)?;
        Probe::new()
            .open(&broker.url())
            .publish("pets/1", Qos::AtLeastOnce, "a cat")
            .open(&broker.url())
            .publish("pets/2", Qos::AtLeastOnce, "another cat")
            .drop_connection()
            .publish("pets/3", Qos::AtLeastOnce, "the first cat again")
            .run()?
            .expect_ok()?;
        // Topics have no order among one another.
        let mut topics = (0..3)
            .map(|_| subscriber.next().map(|message| message.topic))
            .collect::<Result<Vec<_>>>()?;
        topics.sort();
        ensure!(topics == ["pets/1", "pets/2", "pets/3"], "{topics:?}");
        Ok(())
    }

    fn to_topics_of_any_allowed_form(kind) {
        let broker = kind.start(Access::Open)?;
        for topic in ["p", "/", "pets//cat", "pets/Cat and dog", "Katze/größer/猫"] {
            arrives(kind, &broker, topic, Qos::AtLeastOnce, Content::Text("a cat"))?;
        }
        Ok(())
    }

    // The guest ends right after: what `publish` returned Ok for must not depend on it living on.
    fn at_most_once_and_at_once_gone(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = subscribe(&broker, "pets", Qos::AtLeastOnce)?;
        for _ in 0..5 {
            Probe::new()
                .open(&broker.url())
                .publish("pets", Qos::AtMostOnce, Content::Size(100_000))
                .drop_connection()
                .run()?
                .expect_ok()?;
            ensure!(subscriber.next()?.payload == Content::Size(100_000).bytes());
        }
        Ok(())
    }
}

#[test]
fn mosquitto_sub_sees_it_too() -> Result<()> {
    let Some(program) = process::find("mosquitto_sub").filter(|_| Kind::Mosquitto.is_here()) else {
        return Ok(());
    };
    let broker = Kind::Mosquitto.start(Access::Open)?;
    let subscribe = |args: &[&str]| {
        let mut command = Command::new(&program);
        command
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &broker.address().port().to_string(),
            ])
            // A lasting session: the broker keeps the message while nobody is connected.
            .args(["-i", "cats", "-c", "-q", "2", "-t", "pets"])
            .args(args);
        process::run(command, Duration::from_secs(20))
    };

    let subscribed = subscribe(&["-E"])?;
    ensure!(subscribed.status.success(), "{subscribed}");
    Probe::new()
        .open(&broker.url())
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .run()?
        .expect_ok()?;
    let received = subscribe(&["-C", "1", "-F", "%t %q %r %p"])?;
    ensure!(received.stdout == "pets 1 0 a cat\n", "{received}");
    Ok(())
}

/// Publishes from a guest and fails unless a subscriber gets just that.
fn arrives(kind: Kind, broker: &Broker, topic: &str, qos: Qos, content: Content<'_>) -> Result<()> {
    // A broker that keeps the QoS of the publication shows it to a subscriber of QoS 2.
    let subscription = match kind.delivers_published_qos() {
        true => Qos::ExactlyOnce,
        false => qos,
    };
    let subscriber = subscribe(broker, topic, subscription)?;
    Probe::new()
        .open(&broker.url())
        .publish(topic, qos, content)
        .run()?
        .expect_ok()
        .with_context(|| format!("{topic:?} {qos:?} {content:?}"))?;
    let message = subscriber.next()?;
    ensure!(message.payload == content.bytes(), "{message:?}");
    ensure!(message.topic == topic, "{message:?}");
    ensure!(message.qos == qos, "{message:?}");
    ensure!(!message.retain, "{message:?}");
    Ok(())
}

fn subscribe(broker: &Broker, filter: &str, qos: Qos) -> Result<Subscriber> {
    Subscriber::start(broker.address(), Access::Open, filter, qos)
}
