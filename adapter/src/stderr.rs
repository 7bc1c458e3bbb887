//! Messages to the operator.

use wasi::cli::stderr::get_stderr;

/// Writes as much of `text` as standard error takes without waiting. A reader of standard error must not delay the app, and
/// without standard error the text is dropped.
pub(crate) fn print(text: &str) {
    let stderr = get_stderr();
    let room = stderr.check_write().unwrap_or_default();
    let count = text.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    if count > 0 && stderr.write(&text.as_bytes()[..count]).is_ok() {
        let _ = stderr.flush();
    }
}
