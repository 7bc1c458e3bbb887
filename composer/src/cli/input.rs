//! Files, read whole and within limits.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::{Context, Result, bail};
use spin_mqtt_composer::{Composer, MAX_INPUT_SIZE, MAX_MANIFEST_SIZE};

use super::options::PlugOptions;

/// Returns true if `path` stands for the standard input or output.
pub(super) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads the file `path`, or the standard input for `-`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    if is_standard(path) {
        return read_bounded(io::stdin().lock(), MAX_INPUT_SIZE)
            .context("cannot read the standard input");
    }
    read_file(path)
}

/// Reads the file `path`, even one named `-`.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let read = || -> Result<Vec<u8>> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            bail!("it is a directory");
        }
        Ok(read_bounded(file, MAX_INPUT_SIZE)?)
    };
    read().with_context(|| format!("cannot read `{}`", path.display()))
}

/// Returns true if `path` names a manifest.
pub(super) fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
}

/// Checks that the app in `path` is no manifest: those are recognised by the ending of their name.
pub(super) fn check_no_manifest(path: &Path, bytes: &[u8]) -> Result<()> {
    let is_version = |line: &[u8]| {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let line = line.trim_ascii_start();
        line.starts_with(b"spin_manifest_version") || line.starts_with(b"spin_version")
    };
    if bytes.starts_with(b"\0asm") || bytes.len() > MAX_MANIFEST_SIZE {
        return Ok(());
    }
    if bytes.split(|byte| *byte == b'\n').any(is_version) {
        let name = match is_standard(path) {
            true => "the standard input".to_owned(),
            false => format!("`{}`", path.display()),
        };
        bail!(
            "{name} is the manifest of a Spin application: give it in a file whose name ends in `.toml`, in the folder that its \
             sources are relative to"
        );
    }
    Ok(())
}

/// Reads the text in the file `path`, which is small.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let read = || -> Result<String> {
        let bytes = read_bounded(File::open(path)?, MAX_MANIFEST_SIZE)?;
        if bytes.len() > MAX_MANIFEST_SIZE {
            bail!("it is larger than {} MiB", MAX_MANIFEST_SIZE >> 20);
        }
        String::from_utf8(bytes).ok().context("it is not UTF-8")
    };
    read().with_context(|| format!("cannot read `{}`", path.display()))
}

/// Reads the manifest `path`.
pub(super) fn read_manifest(path: &Path) -> Result<Vec<u8>> {
    File::open(path)
        .and_then(|file| read_bounded(file, MAX_MANIFEST_SIZE))
        .with_context(|| format!("cannot read `{}`", path.display()))
}

/// Reads one byte more than the library takes at most, so that it refuses a file without end as too large.
fn read_bounded(input: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes a composer with the options.
pub(super) fn composer(options: &PlugOptions) -> Result<Composer> {
    let composer = Composer::new()
        .allow_unresolved(options.allow_unresolved)
        .stub_unresolved(options.stub_unresolved)
        .wasi(options.wasi);
    match &options.adapter {
        None => Ok(composer),
        Some(path) => composer
            .adapter(&read(path)?)
            .map_err(|error| error.in_file(path))
            .with_context(|| format!("cannot use `{}` as the adapter", path.display())),
    }
}
