//! Holds the README and the pages of docs to what they promise: links lead somewhere, files that they name exist, and every
//! command is run by a test.
//!
//! `compose` is run here, in a folder like the reader's, and `wasmtime` is compared with the line that `compose` says. Other
//! commands are listed in [`ELSEWHERE`] with the file that runs them. The pages of docs/guests are run by the portability matrix.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end_to_end::{cargo, compose, process};

/// The pages whose commands are checked here.
const PAGES: [&str; 7] = [
    "README.md",
    "docs/addresses.md",
    "docs/architecture.md",
    "docs/command.md",
    "docs/delivery.md",
    "docs/permissions.md",
    "docs/portability.md",
];

/// Commands that are run elsewhere, with the file that does it and a part of it that shows this.
const ELSEWHERE: [(&str, &str, &str); 5] = [
    ("cargo run --bin demo", ".ci/run", "--bin demo"),
    ("cargo test", ".ci/run", "cargo test --locked"),
    (
        "cargo install --path composer",
        ".ci/run",
        "cargo install --quiet --debug --locked --path .",
    ),
    (
        "curl --data-binary @cat.png http://localhost:8080/",
        "tests/src/bin/demo.rs",
        "serve.post(&cat_picture)",
    ),
    (
        "cargo run --bin load",
        "tests/tests/end_to_end/load.rs",
        "load::",
    ),
];

/// The longest README, in lines.
const README_LIMIT: usize = 160;

/// The longest that a command takes.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn the_readme_is_short() -> Result<()> {
    let lines = read("README.md")?.lines().count();
    ensure!(lines <= README_LIMIT, "README.md has {lines} lines");
    Ok(())
}

#[test]
fn the_readme_shows_what_the_demo_prints() -> Result<()> {
    let picture = fs::read(cargo::workspace().join("tests/assets/cat.png"))?;
    let payload = format!("payload {} bytes\n", picture.len());
    let readme = read("README.md")?;
    let demo = read("tests/src/bin/demo.rs")?;
    ensure!(readme.contains(&payload), "README.md lacks {payload}");
    for line in [
        "See what the subscriber got",
        "The picture arrived, byte for byte.",
    ] {
        ensure!(readme.contains(line) && demo.contains(line), "{line}");
    }
    Ok(())
}

#[test]
fn links_lead_to_files_and_headings() -> Result<()> {
    let mut broken = Vec::new();
    for page in documents()? {
        let text = fs::read_to_string(&page)?;
        let folder = page.parent().context("a page without a folder")?;
        for link in links(&prose(&text)) {
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => page.clone(),
                path => folder.join(path),
            };
            let found = match heading {
                "" => target.exists(),
                heading => fs::read_to_string(&target)
                    .is_ok_and(|text| anchors(&prose(&text)).contains(heading)),
            };
            if !found {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    ensure!(broken.is_empty(), "these links are broken: {broken:#?}");
    Ok(())
}

#[test]
fn named_files_exist() -> Result<()> {
    let roots = [".ci/", "adapter/", "composer/", "docs/", "tests/", "wit/"];
    let mut missing = Vec::new();
    for page in documents()? {
        let text = prose(&fs::read_to_string(&page)?);
        for code in text.split('`').skip(1).step_by(2) {
            // What follows the path are arguments.
            let path = code.split_whitespace().next().unwrap_or_default();
            let is_path = roots.iter().any(|root| path.starts_with(root));
            // `tests/guests/NAME` is a pattern.
            let is_pattern = path.contains(|c: char| c.is_ascii_uppercase() || c == '*');
            let path = path.trim_end_matches(':');
            if is_path && !is_pattern && !cargo::workspace().join(path).exists() {
                missing.push(format!("{}: {path}", page.display()));
            }
        }
    }
    ensure!(missing.is_empty(), "these files do not exist: {missing:#?}");
    Ok(())
}

#[test]
fn every_command_is_run_by_a_test() -> Result<()> {
    for page in PAGES {
        let folder = readers_folder()?;
        let mut said = String::new();
        for command in commands(&read(page)?) {
            let place = || format!("{page}: {command}");
            if command.starts_with("compose ") {
                said = run(&command, folder.path()).with_context(place)?;
            } else if command.starts_with("wasmtime ") {
                let line = with_any_values(&command);
                ensure!(said.contains(&line), "{}: compose says {said}", place());
            } else {
                let elsewhere = ELSEWHERE.iter().find(|(known, ..)| *known == command);
                let (_, file, shows) = elsewhere.with_context(|| {
                    format!("no test runs it, or it is not in the list: {}", place())
                })?;
                ensure!(read(file)?.contains(shows), "{file} lacks `{shows}`");
            }
        }
    }
    Ok(())
}

/// The text of `path`, which is relative to the workspace.
fn read(path: &str) -> Result<String> {
    fs::read_to_string(cargo::workspace().join(path)).with_context(|| path.to_owned())
}

/// A folder with what the pages take for there: an app, a manifest and the component of that.
fn readers_folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let cases = cargo::workspace().join("composer/tests/cases");
    // `compose` takes text and binaries alike.
    fs::copy(
        cases.join("compose.in/app.wat"),
        folder.path().join("app.wasm"),
    )?;
    let release = folder.path().join("target/wasm32-wasip1/release");
    fs::create_dir_all(&release)?;
    fs::copy(
        cases.join("manifest.in/full.wat"),
        release.join("cats.wasm"),
    )?;
    let readme = read("README.md")?;
    let manifest = blocks(&readme, "toml").next();
    fs::write(
        folder.path().join("spin.toml"),
        manifest.context("README.md has no manifest")?,
    )?;
    Ok(folder)
}

/// Runs `command`, a line for a shell that begins with `compose`, and returns what it prints.
fn run(command: &str, folder: &Path) -> Result<String> {
    let mut shell = Command::new("sh");
    // `$0` is the command, whatever is on the PATH.
    let rest = command.strip_prefix("compose").unwrap_or_default();
    shell
        .args(["-c", &format!("\"$0\"{rest}")])
        .arg(compose::command()?)
        .current_dir(folder);
    let finished = process::run(shell, LIMIT)?;
    ensure!(finished.status.success(), "it failed: {finished}");
    Ok(finished.stdout + &finished.stderr)
}

/// `command` with `VALUE` for the value of each `--env`, as `compose` says it.
fn with_any_values(command: &str) -> String {
    let mut after_env = false;
    let words = command.split_whitespace().map(|word| {
        let shown = match word.split_once('=') {
            Some((name, _)) if after_env => format!("{name}=VALUE"),
            _ => word.to_owned(),
        };
        after_env = word == "--env";
        shown
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The README, and the pages of docs with those in its folders.
fn documents() -> Result<Vec<PathBuf>> {
    let root = cargo::workspace();
    let mut documents = vec![root.join("README.md")];
    let contributing = root.join("CONTRIBUTING.md");
    if contributing.exists() {
        documents.push(contributing);
    }
    for folder in ["docs", "docs/guests"] {
        for entry in fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "md") {
                documents.push(path);
            }
        }
    }
    Ok(documents)
}

/// The contents of the fenced blocks of the language `language`.
fn blocks<'a>(text: &'a str, language: &str) -> impl Iterator<Item = String> + use<'a> {
    let fence = format!("```{language}");
    let mut lines = text.lines();
    std::iter::from_fn(move || {
        lines.by_ref().find(|line| line.trim() == fence)?;
        let content = lines.by_ref().take_while(|line| line.trim() != "```");
        Some(content.map(|line| format!("{line}\n")).collect())
    })
}

/// The commands of the blocks for a shell, with continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let blocks: String = blocks(text, "sh").collect();
    blocks
        .replace("\\\n", " ")
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// `text` without its blocks.
fn prose(text: &str) -> String {
    let mut within = false;
    text.lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            within ^= fence;
            !within && !fence
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Where the links of `text` lead. A line may end within a link's text.
fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.to_owned())
        .collect()
}

/// The names of the headings of `text`, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}
