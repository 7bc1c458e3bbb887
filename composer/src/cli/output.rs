//! Writing the result: whole or not at all.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::input::is_standard;

/// Writes `bytes` to the file `path`, or to the standard output for `-`.
///
/// A regular file appears with all of its content or stays what it was: the bytes go to a new file beside it, which then
/// takes its name. Any other file (a pipe, a device) is written to as it is.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if is_standard(path) {
        if io::stdout().is_terminal() {
            bail!(
                "the standard output is a terminal, and the result is binary: redirect it, or name a file with `-o`"
            );
        }
        return write_standard(bytes).context("cannot write to the standard output");
    }
    write_file(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}

pub(super) fn write_standard(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    // These lead to a file that the shell has opened, which may be a regular file: one to be continued, not replaced.
    if ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]
        .iter()
        .any(|name| path == Path::new(name))
    {
        return Ok(write_standard(bytes)?);
    }
    match fs::metadata(path) {
        Ok(existing) if existing.is_dir() => bail!("it is a directory"),
        Ok(existing) if !existing.is_file() => {
            let mut file = OpenOptions::new().write(true).open(path)?;
            Ok(file.write_all(bytes)?)
        }
        Ok(existing) => {
            // A file that must not be written to must not be replaced.
            OpenOptions::new().write(true).open(path)?;
            replace(
                &fs::canonicalize(path)?,
                bytes,
                Some(existing.permissions()),
            )
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            replace(&link_target(path), bytes, None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The file that writing to `path` would make: itself, or the one that a link without a target names.
fn link_target(path: &Path) -> PathBuf {
    match fs::read_link(path) {
        Ok(target) => directory(path).join(target),
        Err(_) => path.to_owned(),
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Puts a file with `bytes` in the place of `path`, with the given permissions or those of any new file.
fn replace(path: &Path, bytes: &[u8], permissions: Option<fs::Permissions>) -> Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".compose-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are for their owner alone; this one gets the permissions of any other, less the umask.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let directory = directory(path);
    if !directory.is_dir() {
        bail!("there is no directory `{}`", directory.display());
    }
    // Only the kind of the error: the whole names the temporary file, which means nothing to the user.
    let kind = |error: io::Error| io::Error::from(error.kind());
    let mut file = builder.tempfile_in(directory).map_err(kind)?;
    file.write_all(bytes).map_err(kind)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Returns true if two paths lead to the same existing file.
fn same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| -> io::Result<_> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let metadata = fs::metadata(path)?;
            Ok((metadata.dev(), metadata.ino()))
        }
        #[cfg(not(unix))]
        {
            fs::canonicalize(path)
        }
    };
    if is_standard(one) || is_standard(other) {
        return false;
    }
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// The file beside the app that the result goes to: `app.wasm` gives `app.composed.wasm`.
pub(super) fn default_output(app: &Path) -> PathBuf {
    app.with_extension("composed.wasm")
}

/// Checks that none of the files that are read is the one to write.
pub(super) fn check_output<'a>(
    output: &Path,
    read: impl IntoIterator<Item = Option<&'a Path>>,
) -> Result<()> {
    if read
        .into_iter()
        .flatten()
        .any(|given| same_file(given, output))
    {
        bail!(
            "`{}` is both read and to be written: name another file with `-o`",
            output.display()
        );
    }
    Ok(())
}
