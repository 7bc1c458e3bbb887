//! Messages to the user.

use std::{borrow::Cow, error::Error, fmt};

use anstream::eprintln;
use anstyle::{AnsiColor, Style};
use spin_mqtt_composer::{AppError, ComponentizeError, ComposeError, Language};

/// Headings.
pub(super) const BOLD: Style = Style::new().bold();

const RED: Style = AnsiColor::Red.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();

/// The text in place of a command line.
pub(super) const LIBRARY: &str =
    "it is a library: it exports neither wasi:http/incoming-handler nor wasi:cli/run";

/// The most lines of an error that are printed, and the most characters of each. It may quote the input, in which a line may
/// have any length.
const MAX_LINES: usize = 100;
const MAX_LINE: usize = 2000;

/// Prints an error, its causes, and advice if there is some.
pub(super) fn error(error: &anyhow::Error) {
    eprintln!(
        "{RED}error{RED:#}: {}",
        plain(&shortened(&error.to_string()))
    );
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Some libraries repeat their cause in their own text.
        if !last.ends_with(&text) {
            eprintln!(
                "  {BOLD}caused by{BOLD:#}: {}",
                plain(&shortened(&text)).replace('\n', "\n  ")
            );
        }
        last = text;
    }
    let advised = error.downcast_ref().map(|it: &Advised| plain(&it.help));
    let help = || error.downcast_ref().and_then(help).map(Cow::from);
    if let Some(help) = advised.or_else(help) {
        eprintln!("{CYAN}help{CYAN:#}: {help}");
    }
}

/// An error with other advice than its own.
#[derive(Debug)]
pub(super) struct Advised {
    pub(super) error: ComposeError,
    pub(super) help: String,
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Advised {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// The start of `text`, and of each of its lines.
fn shortened(text: &str) -> String {
    let count = text.lines().count();
    let mut lines: Vec<_> = text.lines().take(MAX_LINES).map(shortened_line).collect();
    if count > MAX_LINES {
        lines.push(format!("… and {} more lines", count - MAX_LINES).into());
    }
    lines.join("\n")
}

fn shortened_line(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(MAX_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]).into(),
        None => line.into(),
    }
}

/// Escapes the control characters of `text` but newlines: names of files, ids and entries are others' texts, and must not steer
/// the terminal.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n';
    if !text.contains(steers) {
        return text.into();
    }
    let escape = |c: char| match steers(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escape).collect::<String>().into()
}

/// Does the same for a text that is to be one line.
pub(super) fn plain_line(text: &str) -> String {
    plain(text).replace('\n', "\\n")
}

/// The advice on an error.
fn help(error: &ComposeError) -> Option<&'static str> {
    match error {
        ComposeError::Unresolved(unresolved) => {
            let mut can_be_stubs = unresolved.as_slice().iter().map(|it| it.stubbable);
            Some(match can_be_stubs.any(|it| it) {
                true => {
                    "if the app does not use them, fill them with stubs, `--stub-unresolved`; for a host that has them, let \
                     them stay with `--allow-unresolved`"
                }
                false => "for a host that has them, let them stay with `--allow-unresolved`",
            })
        }
        ComposeError::WasiLacks(_) => {
            Some("ask for a later version, or leave `--wasi` out to get the lowest that has it all")
        }
        ComposeError::App(error) => match error {
            AppError::Componentize(ComponentizeError::NoComponentType) => Some(
                "build it as a Spin application's component, with spin-sdk 3, 4 or 5, or give a component",
            ),
            AppError::Componentize(ComponentizeError::UnsupportedBindgen { .. }) => Some(
                "rebuild it with spin-sdk 3, 4 or 5, or make it a component with the tool that fits it, and give that",
            ),
            AppError::Componentize(ComponentizeError::Undescribed(_)) => Some(
                "make it a component with the tool that fits it (`wasm-tools component embed` and `new`, for one), and give that",
            ),
            AppError::NoMqtt => Some("`compose inspect` shows what it imports"),
            AppError::AsyncMqtt { language, .. } | AppError::OtherVersion { language, .. } => {
                Some(sdk(*language))
            }
            AppError::AlreadyComposed { .. } | AppError::AlreadyPlugged => {
                Some("it runs as it is; `compose inspect` shows how")
            }
            AppError::IsAdapter => Some("give an app, and this one with `--adapter`"),
            _ => None,
        },
        _ => None,
    }
}

/// The advice to build an app with the SDK for its language whose MQTT is supported.
fn sdk(language: Option<Language>) -> &'static str {
    match language {
        Some(Language::Rust) => "build it with spin-sdk 3, 4 or 5 (`spin-sdk = \"5\"`)",
        Some(Language::Python) => {
            "build it with spin-sdk 3 of PyPI (`pip install spin-sdk==3.4.1`)"
        }
        Some(Language::Go) => {
            "import the functions of `fermyon:spin/mqtt@2.0.0` by name, which Go can do alone, in place of this interface of the SDK"
        }
        Some(Language::JavaScript) => {
            "import `fermyon:spin/mqtt@2.0.0`, as `@spinframework/spin-mqtt` does, in place of this interface"
        }
        _ => {
            "build it with an SDK that imports `fermyon:spin/mqtt@2.0.0` alone: for Rust spin-sdk 3, 4 or 5, for Python spin-sdk 3"
        }
    }
}

/// A size in bytes for people: `512 B`, `43.1 KiB`, `2.4 MiB`.
pub(super) fn size(bytes: usize) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    let mut value = bytes as f64 / 1024.0;
    if value < 1.0 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}
