//! A word to the operator.

use wasi::cli::stderr::get_stderr;

/// Writes `text`, as far as it is taken without waiting: whoever reads standard error must not hold up the app, and where
/// there is no standard error, nobody misses it.
pub(crate) fn print(text: &str) {
    let stderr = get_stderr();
    let room = stderr.check_write().unwrap_or_default();
    let count = text.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    if count > 0 && stderr.write(&text.as_bytes()[..count]).is_ok() {
        let _ = stderr.flush();
    }
}
