//! The length of a sample. What is over in milliseconds measures the scheduler and the caches of that moment.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// The shortest sample.
pub const SAMPLE: Duration = Duration::from_secs(1);

/// What the next run is to take, so that one that is a little faster is still long enough.
const AIM: Duration = Duration::from_millis(1250);

/// The most that a run counts. Whatever does so much within a second does nothing.
const MOST: usize = 1_000_000_000;

/// Has `run` do something `count` times, which returns the time that this took. A run shorter than [`SAMPLE`] only serves to
/// find a `count` that is long enough, which is kept for the next sample. Returns how often a second it was done.
pub fn per_second(
    count: &mut usize,
    mut run: impl FnMut(usize) -> Result<Duration>,
) -> Result<f64> {
    loop {
        let took = run(*count)?;
        if took >= SAMPLE {
            return Ok(*count as f64 / took.as_secs_f64());
        }
        let missing = AIM.as_secs_f64() / took.as_secs_f64();
        // Of the first messages one can't conclude how long very many take.
        *count = (*count as f64 * missing.clamp(1.25, 50.0)).ceil() as usize;
        ensure!(*count <= MOST, "{count} of them would take no time");
    }
}

/// Measures again and again for the time of a sample, and at least once. Returns all measurements.
pub fn for_a_sample<T>(mut measure: impl FnMut() -> Result<T>) -> Result<Vec<T>> {
    let start = Instant::now();
    let mut measured = vec![measure()?];
    while start.elapsed() < SAMPLE {
        measured.push(measure()?);
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that takes 200 ms to begin, and then so long for a message.
    fn client(message: Duration) -> impl FnMut(usize) -> Result<Duration> {
        move |count| Ok(Duration::from_millis(200) + message * count as u32)
    }

    #[test]
    fn no_sample_is_shorter_than_a_second() -> Result<()> {
        for micros in [1, 10, 1000, 2_000_000] {
            let message = Duration::from_micros(micros);
            let mut count = 100;
            let mut client = client(message);
            let mut last = Duration::ZERO;
            let rate = per_second(&mut count, |count| {
                last = client(count)?;
                Ok(last)
            })?;
            assert!(last >= SAMPLE, "{message:?}: {last:?}");
            assert_eq!(rate, count as f64 / last.as_secs_f64());
        }
        Ok(())
    }

    #[test]
    fn the_count_is_kept_for_the_next_sample() -> Result<()> {
        let mut count = 1;
        let mut client = client(Duration::from_micros(50));
        per_second(&mut count, &mut client)?;
        let found = count;
        let mut runs = 0;
        per_second(&mut count, |count| {
            runs += 1;
            client(count)
        })?;
        assert_eq!((count, runs), (found, 1));
        Ok(())
    }

    #[test]
    fn what_takes_no_time_is_an_error() {
        let rate = per_second(&mut 1, |_| Ok(Duration::ZERO));
        assert!(rate.is_err(), "{rate:?}");
    }
}
