//! Commands that publish many messages at QoS 0 and end, in whichever way: what was Ok is there.
//!
//! The broker may have answers on their way to a guest that is gone. Where the host's system meets them with RST, the broker
//! throws away what it has not read yet.

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::{Access, Kind},
    on_each_broker,
    probe::{Content, Probe, Qos},
    subscriber::Subscriber,
};

/// More than a broker reads at once.
const MESSAGES: usize = 1_025;

on_each_broker! {
    fn nothing_is_lost_with_a_command_that_drops_its_connection(kind) {
        loses_nothing(kind, Probe::drop_connection)
    }

    fn nothing_is_lost_with_a_command_that_exits(kind) {
        loses_nothing(kind, Probe::exit)
    }

    fn nothing_is_lost_with_a_command_that_never_drops_its_connection(kind) {
        loses_nothing(kind, Probe::forget_connection)
    }

    fn nothing_is_lost_with_a_command_that_traps(kind) {
        loses_nothing(kind, Probe::trap)
    }
}

fn loses_nothing(kind: Kind, end: impl Fn(Probe) -> Probe) -> Result<()> {
    let broker = kind.start(Access::Open)?;
    let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::AtMostOnce)?;
    let probe = Probe::new().open(&broker.url()).publish_many(
        MESSAGES,
        "pets",
        Qos::AtMostOnce,
        Content::Numbered,
    );
    end(probe).run()?.expect_ok()?;
    for index in 0..MESSAGES {
        let message = subscriber
            .next()
            .with_context(|| format!("{index} of {MESSAGES} messages came"))?;
        ensure!(
            message.payload == index.to_string().as_bytes(),
            "after {index} messages: {message:?}"
        );
    }
    ensure!(subscriber.pending().is_empty(), "one came twice");
    Ok(())
}
