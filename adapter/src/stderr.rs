//! A word to the operator.

use wasi::cli::stderr::get_stderr;

/// The most that one `blocking-write-and-flush` takes.
const LIMIT: usize = 4096;

/// Writes `line`, cut at 4096 bytes. Where there is no standard error, nobody misses it.
pub(crate) fn print(line: &str) {
    let bytes = line.as_bytes();
    let _ = get_stderr().blocking_write_and_flush(&bytes[..bytes.len().min(LIMIT)]);
}
