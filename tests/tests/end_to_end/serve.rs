//! HTTP guests on the real spin-sdk, served by a stock `wasmtime serve`.

use std::{collections::BTreeSet, thread};

use anyhow::{Result, ensure};
use end_to_end::{
    broker::{Access, Kind},
    compose,
    guest::Guest,
    host::Serve,
    on_each_broker, payload,
    probe::Qos,
    subscriber::Subscriber,
};

/// More than the 10,240 bytes at which Spin's own client stops.
const CAT_PICTURE_BYTES: usize = 20_001;

on_each_broker! {
    fn spin_sdk_3_wasip1_publishes_a_cat_picture(kind) {
        publishes_a_cat_picture(Guest::SpinSdk3Wasip1, kind)
    }

    fn spin_sdk_5_wasip1_publishes_a_cat_picture(kind) {
        publishes_a_cat_picture(Guest::SpinSdk5Wasip1, kind)
    }

    fn spin_sdk_5_wasip2_publishes_a_cat_picture(kind) {
        publishes_a_cat_picture(Guest::SpinSdk5Wasip2, kind)
    }

    fn requests_one_after_another_are_published_in_order(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::AtLeastOnce)?;
        let serve = serve(Guest::SpinSdk5Wasip1, &broker.url())?;
        for size in 0..25 {
            post(&serve, &payload::of_size(size))?;
            // Before the next request: each is a client of its own, and clients have no order among one another.
            let message = subscriber.next()?;
            ensure!(message.payload == payload::of_size(size), "{size}: {message:?}");
        }
        ensure!(subscriber.pending().is_empty(), "one was published twice");
        Ok(())
    }

    fn requests_at_the_same_time_are_all_published(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::AtLeastOnce)?;
        let serve = serve(Guest::SpinSdk5Wasip1, &broker.url())?;
        let sizes = 1000..1008;
        thread::scope(|scope| {
            let posts: Vec<_> = sizes
                .clone()
                .map(|size| {
                    let serve = &serve;
                    scope.spawn(move || post(serve, &payload::of_size(size)))
                })
                .collect();
            posts
                .into_iter()
                .try_for_each(|post| post.join().expect("post does not panic"))
        })?;
        let published: BTreeSet<Vec<u8>> = sizes
            .clone()
            .map(|_| subscriber.next().map(|message| message.payload))
            .collect::<Result<_>>()?;
        ensure!(published == sizes.map(payload::of_size).collect());
        ensure!(subscriber.pending().is_empty());
        Ok(())
    }

    fn user_and_password_come_from_the_environment(kind) {
        let access = Access::Password { user: "cat", password: "purr" };
        let broker = kind.start(access)?;
        let subscriber = Subscriber::start(broker.address(), access, "pets", Qos::AtLeastOnce)?;
        let component = compose::composed(Guest::SpinSdk5Wasip2)?;
        let serve = Serve::start(
            &component,
            &[
                ("MQTT_ADDRESS", &broker.url()),
                ("MQTT_USERNAME", "cat"),
                ("MQTT_PASSWORD", "purr"),
                ("MQTT_KEEP_ALIVE_INTERVAL", "30"),
            ],
        )?;
        post(&serve, b"a cat")?;
        ensure!(subscriber.next()?.payload == b"a cat");
        Ok(())
    }
}

#[test]
fn an_error_reaches_the_guest() -> Result<()> {
    for guest in Guest::HTTP {
        let serve = serve(guest, "http://127.0.0.1")?;
        let (status, text) = serve.post(b"a cat")?;
        ensure!(
            status == 500 && text.contains("InvalidAddress"),
            "{guest:?}: {status} {text}"
        );
    }
    Ok(())
}

fn publishes_a_cat_picture(guest: Guest, kind: Kind) -> Result<()> {
    let broker = kind.start(Access::Open)?;
    let subscriber = Subscriber::start(broker.address(), Access::Open, "#", Qos::AtLeastOnce)?;
    let serve = serve(guest, &broker.url())?;
    let cat_picture = payload::of_size(CAT_PICTURE_BYTES);
    post(&serve, &cat_picture)?;

    let message = subscriber.next()?;
    ensure!(message.payload == cat_picture, "{message:?}");
    ensure!(message.topic == "pets", "{message:?}");
    ensure!(message.qos == Qos::AtLeastOnce, "{message:?}");
    ensure!(!message.retain, "{message:?}");
    ensure!(subscriber.pending().is_empty(), "it was published twice");
    Ok(())
}

fn serve(guest: Guest, address: &str) -> Result<Serve> {
    Serve::start(&compose::composed(guest)?, &[("MQTT_ADDRESS", address)])
}

fn post(serve: &Serve, body: &[u8]) -> Result<()> {
    let (status, text) = serve.post(body)?;
    ensure!(status == 200, "{status} {text}\n{}", serve.stderr());
    Ok(())
}
