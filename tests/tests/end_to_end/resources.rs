//! However long an instance lives and however much it publishes, it holds no more memory and no more of the host.

use std::time::Duration;

use anyhow::{Result, ensure};
use end_to_end::{
    broker::{Access, Kind},
    compose::Composed,
    guest::Guest,
    probe::{Content, Probe, Qos},
};

/// How many of the host's resources a guest with one connection may hold at a time. It holds 7.
const MAX_RESOURCES: usize = 10;

const LIMIT: Duration = Duration::from_secs(180);

#[test]
fn a_hundred_thousand_publications_on_one_connection() -> Result<()> {
    does_not_grow([10_000, 100_000], |probe, address, count| {
        probe
            .open(address)
            .publish_many(count, "pets", Qos::AtLeastOnce, Content::Size(100))
    })
}

#[test]
fn publications_of_mixed_sizes_and_of_each_qos() -> Result<()> {
    does_not_grow([2_000, 6_000], |probe, address, count| {
        Qos::ALL
            .into_iter()
            .fold(probe.open(address), |probe, qos| {
                probe.publish_many(count / 3, "pets", qos, Content::Mixed(20_000))
            })
    })
}

#[test]
fn ten_thousand_connections_one_after_another() -> Result<()> {
    let composed = Composed::new(Guest::Probe, &["--no-reuse"])?;
    does_not_grow([1_000, 10_000], |probe, address, count| {
        probe.component(&composed.path()).reopen_many(
            count,
            address,
            "pets",
            Qos::AtLeastOnce,
            Content::Size(100),
        )
    })
}

#[test]
fn ten_thousand_opens_of_one_connection() -> Result<()> {
    does_not_grow([1_000, 10_000], |probe, address, count| {
        probe.reopen_many(count, address, "pets", Qos::AtLeastOnce, Content::Size(100))
    })
}

#[test]
fn a_guest_that_keeps_its_connections_does_grow() -> Result<()> {
    let broker = Kind::Embedded.start(Access::Open)?;
    let probe = Probe::new().open_many(4, &broker.url());
    ensure!(
        probe.run_metered(MAX_RESOURCES).is_err(),
        "the meter sees nothing"
    );
    let opened = Probe::new().open(&broker.url());
    let (_, dropped) = opened
        .clone()
        .drop_connection()
        .run_metered(MAX_RESOURCES)?;
    let (_, forgotten) = opened.forget_connection().run_metered(MAX_RESOURCES)?;
    ensure!(
        forgotten.resources > dropped.resources,
        "{dropped:?} {forgotten:?}"
    );
    Ok(())
}

/// Fails unless the guest holds as much after few calls as after many.
fn does_not_grow(counts: [usize; 2], calls: impl Fn(Probe, &str, usize) -> Probe) -> Result<()> {
    let [few, many] = counts.map(|count| {
        let broker = Kind::Embedded.start(Access::Open)?;
        let probe = calls(Probe::new().limit(LIMIT), &broker.url(), count);
        let (outcomes, figures) = probe.run_metered(MAX_RESOURCES)?;
        outcomes.expect_ok()?;
        anyhow::Ok(figures)
    });
    let (few, many) = (few?, many?);
    ensure!(
        few == many,
        "{few:?} after {}, {many:?} after {}",
        counts[0],
        counts[1]
    );
    Ok(())
}
