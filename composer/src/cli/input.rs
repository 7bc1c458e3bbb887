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
    path.extension().is_some_and(|ending| ending == "toml")
}

/// Checks that the app in `path` is no manifest: those are recognised by the ending of their name.
pub(super) fn check_no_manifest(path: &Path, bytes: &[u8]) -> Result<()> {
    let key = b"spin_manifest_version";
    if bytes.starts_with(b"\0asm") || bytes.len() > MAX_MANIFEST_SIZE {
        return Ok(());
    }
    if bytes
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(key))
    {
        let name = match is_standard(path) {
            true => "the standard input".to_owned(),
            false => format!("`{}`", path.display()),
        };
        bail!(
            "{name} is the manifest of a Spin application: give it in a file whose name ends in `.toml`"
        );
    }
    Ok(())
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
