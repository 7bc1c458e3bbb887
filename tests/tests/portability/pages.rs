//! The pages of docs/guests: from a guest's source to a message, and every command on them is run here.
//!
//! A page's blocks ```` ```sh build ```` make WebAssembly of the source, and those ```` ```sh run ```` compose and run it,
//! in the guest's folder. Here that is a copy in the target directory. `localhost:1883`, the broker, `localhost:1884`, where
//! nothing listens, and `localhost:8080`, where `wasmtime serve` does, are other ports here.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use end_to_end::{
    broker::ReservedPort,
    cargo, compose, host,
    process::{self, Running},
};

use crate::{cell::World, guests};

/// The longest that a command takes: one that installs much, from far away.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// A page, named for its language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Rust,
    Python,
    PythonSpinSdk,
    JavaScript,
    Go,
    C,
}

impl Page {
    pub const ALL: [Self; 6] = [
        Self::Rust,
        Self::Python,
        Self::PythonSpinSdk,
        Self::JavaScript,
        Self::Go,
        Self::C,
    ];

    /// Its file's name, without `.md`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::PythonSpinSdk => "python-spin-sdk",
            Self::JavaScript => "javascript",
            Self::Go => "go",
            Self::C => "c",
        }
    }

    /// The folder of its guest.
    fn folder(self) -> &'static str {
        match self {
            Self::Rust => "wit-bindgen",
            _ => self.name(),
        }
    }

    /// The commands that must be installed.
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &[],
            Self::Python | Self::PythonSpinSdk | Self::Go => &["python3"],
            Self::JavaScript => &["node", "npm"],
            Self::C => &["clang", "wasm-ld"],
        }
    }

    /// How many guests are run on it.
    fn runs(self) -> usize {
        match self {
            Self::Python | Self::JavaScript => 2,
            Self::Rust | Self::PythonSpinSdk | Self::Go | Self::C => 1,
        }
    }

    /// Runs its build commands in a copy of the guest's folder, once in a process and again only if something has changed.
    /// Returns the copy's path.
    pub fn build(self) -> Result<PathBuf> {
        static BUILT: [OnceLock<Result<PathBuf, String>>; Page::ALL.len()] =
            [const { OnceLock::new() }; Page::ALL.len()];
        process::once(&BUILT[self as usize], || {
            for command in self.needs() {
                require(command)?;
            }
            let blocks = self.blocks("build")?;
            let source = guests::sources().join(self.folder());
            let copy = cargo::target_dir()?.join("portability").join(self.folder());
            let mut hasher = DefaultHasher::new();
            blocks.hash(&mut hasher);
            copy_changed(&source, &copy, &mut hasher)?;
            let stamp = copy.join("built.stamp");
            let hash = hasher.finish().to_string();
            if fs::read_to_string(&stamp).is_ok_and(|found| found == hash) {
                return Ok(copy);
            }
            for line in commands(&blocks) {
                shell(&line, &copy)?;
            }
            fs::write(stamp, hash)?;
            Ok(copy)
        })
        .map(Path::to_path_buf)
    }

    /// Runs all of its commands, and fails unless what they are to do is done.
    pub fn check(self) -> Result<()> {
        let folder = self.build()?;
        let world = World::start()?;
        let served = ReservedPort::new()?;
        let blocks = self
            .blocks("run")?
            .replace("mqtt://localhost:1883", &world.address)
            .replace("mqtt://localhost:1884", &world.refused_address)
            .replace("localhost:8080", &served.address().to_string());
        let mut shown = String::new();
        let mut serving = Vec::new();
        for line in commands(&blocks) {
            if line.starts_with("wasmtime serve") {
                // In place of the shell, so that it ends with it.
                let serve = Running::spawn(&mut bash(&format!("exec {line}"), &folder)?)?;
                serve.await_line(LIMIT, |line| line.contains("Serving HTTP").then_some(()))?;
                serving.push(serve);
            } else {
                shown += &shell(&line, &folder)?;
            }
        }
        // The guest in C prints nothing: its error is a message.
        let errors = usize::from(self == Self::C);
        let published = world.expect_messages(self.runs(), errors)?;
        world.expect_refusal(&[shown, published].concat())
    }

    /// The text of its blocks of the kind `kind`, one after the other.
    fn blocks(self, kind: &str) -> Result<String> {
        let file = cargo::workspace()
            .join("docs/guests")
            .join(format!("{}.md", self.name()));
        let page =
            fs::read_to_string(&file).with_context(|| format!("{} is missing", file.display()))?;
        let fence = format!("```sh {kind}\n");
        let blocks: String = page
            .split(fence.as_str())
            .skip(1)
            .filter_map(|rest| rest.split_once("```"))
            .map(|(block, _)| block)
            .collect();
        ensure!(
            !blocks.is_empty(),
            "{} has no block {fence:?}",
            file.display()
        );
        Ok(blocks)
    }
}

/// The path of the command `name`, or an error that it is not installed.
pub fn require(name: &str) -> Result<PathBuf> {
    process::find(name).with_context(|| {
        format!("this test needs `{name}`, which is not installed (.ci/run installs it)")
    })
}

/// The commands of `block`, with continued lines joined.
fn commands(block: &str) -> Vec<String> {
    block
        .replace("\\\n", " ")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Runs `line` in `folder`, and returns what it prints.
fn shell(line: &str, folder: &Path) -> Result<String> {
    let finished = process::run(bash(line, folder)?, LIMIT)?;
    if !finished.status.success() {
        bail!("`{line}` failed: {finished}");
    }
    Ok(finished.stdout)
}

/// A folder with `compose` and `wasmtime` in it.
fn own_commands() -> Result<&'static Path> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    process::once(&FOLDER, || {
        let folder = cargo::target_dir()?.join("portability").join("bin");
        fs::create_dir_all(&folder)?;
        for (name, program) in [
            ("compose", compose::command()?),
            ("wasmtime", host::wasmtime()?),
        ] {
            let link = folder.join(name);
            match fs::remove_file(&link) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => std::os::unix::fs::symlink(program, &link)?,
            }
        }
        Ok(folder)
    })
}

/// A shell that has our commands, and of Rust's settings those of a user.
fn bash(line: &str, folder: &Path) -> Result<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(
        [own_commands()?.into()]
            .into_iter()
            .chain(env::split_paths(&path)),
    )?;
    let mut bash = Command::new("bash");
    bash.args(["-c", line])
        .current_dir(folder)
        .env("PATH", path);
    for (name, _) in env::vars_os() {
        let of_this_build =
            |name: &str| name == "CARGO" || name == "RUSTFLAGS" || name.starts_with("CARGO_");
        if name.to_str().is_some_and(of_this_build) && name != "CARGO_HOME" {
            bash.env_remove(name);
        }
    }
    Ok(bash)
}

/// Copies what has changed of the folder `source` into `copy`, following links, and hashes all of it. What `source` has of
/// builds, as git ignores them, is left out.
fn copy_changed(source: &Path, copy: &Path, hasher: &mut impl Hasher) -> Result<()> {
    fs::create_dir_all(copy)?;
    let mut entries: Vec<_> = fs::read_dir(source)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let ignored = [".venv", "node_modules", "target", "__pycache__", "wasi.wit"];
        if name
            .to_str()
            .is_some_and(|name| ignored.contains(&name) || name.ends_with(".wasm"))
        {
            continue;
        }
        let (from, to) = (entry.path(), copy.join(&name));
        if fs::metadata(&from)?.is_dir() {
            copy_changed(&from, &to, hasher)?;
            continue;
        }
        let content = fs::read(&from)?;
        (name, &content).hash(hasher);
        if fs::read(&to).ok().as_ref() != Some(&content) {
            fs::write(to, content)?;
        }
    }
    Ok(())
}
