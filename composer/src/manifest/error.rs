//! The errors of manifests.

use thiserror::Error;

use super::MAX_MANIFEST_SIZE;
use crate::settings::SettingsError;
use crate::settings::canonical_abi::MAX_ITEMS;

/// The reasons why a manifest can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is larger than [`MAX_MANIFEST_SIZE`].
    #[error("it is larger than {} MiB, the most that is taken", MAX_MANIFEST_SIZE >> 20)]
    TooLarge,
    /// A list or table has more items than any application needs.
    #[error("{what} has more than {MAX_ITEMS} items, the most that are taken")]
    TooMany {
        /// The list or table.
        what: String,
    },
    /// It is no text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is no TOML, or a key is missing or has a value of another kind.
    #[error("line {line}, column {column}: {message}")]
    Toml {
        /// The line, from 1 on.
        line: usize,
        /// The column in characters, from 1 on.
        column: usize,
        /// The problem there. It has no value of the manifest in it, for that may be secret.
        message: String,
    },
    /// There is a mistake in one place.
    #[error("line {line}, column {column}: {error}")]
    At {
        /// The line, from 1 on.
        line: usize,
        /// The column in characters, from 1 on.
        column: usize,
        /// The problem there.
        error: Box<ManifestError>,
    },
    /// It has no component.
    #[error("it has no component: neither a `[component.<id>]` nor one that stands in its trigger")]
    NoComponents,
    /// A component of a manifest of version 1 has no id.
    #[error("the component has no `id`")]
    NoId,
    /// It is of an unknown version, or of none.
    #[error("{}, but this tool reads versions `2` and `\"1\"`", match .version {
        Some(version) => format!("its `spin_manifest_version` is `{version}`"),
        None => "it has no `spin_manifest_version`".to_owned(),
    })]
    Version {
        /// The version, as it stands there.
        version: Option<String>,
    },
    /// A name, a template or an entry of the allowed hosts is not valid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A variable has neither a default nor is it required, or both.
    #[error("the variable `{name}` must have either a `default` or `required = true`")]
    Variable {
        /// Its name.
        name: String,
    },
    /// A variable was given that the manifest lacks.
    #[error("the application has no variable `{name}`; {}", listed(.known))]
    UnknownVariable {
        /// The name, as it was given.
        name: String,
        /// The names that it has.
        known: Vec<String>,
    },
    /// No component has such a profile.
    #[error("no component of the application has a profile `{name}`; {}", match .known.as_slice() {
        [] => "there is none".to_owned(),
        known => format!("there is `{}`", known.join("`, `")),
    })]
    UnknownProfile {
        /// The name, as it was given.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// There is no such component.
    #[error("the application has no component `{id}`; {}", listed(.known))]
    UnknownComponent {
        /// The id, as it was given.
        id: String,
        /// The names that it has.
        known: Vec<String>,
    },
    /// A component's bytes are not in a file.
    #[error(
        "the source of the component `{id}` is {kind} `{location}`: fetch it first, and name its file with `--component \
         {id} --source FILE`"
    )]
    Remote {
        /// The component.
        id: String,
        /// `the url` or `the registry package`.
        kind: &'static str,
        /// The url or package.
        location: String,
    },
}

impl ManifestError {
    /// `error`, which came of `text`, without the values that toml and serde quote.
    pub(super) fn toml(error: &toml::de::Error, text: &str) -> Self {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        Self::Toml {
            line,
            column,
            message: without_value(error.message().trim_end()),
        }
    }

    /// This error, in the place of `text` that begins at the byte `start`.
    pub(super) fn at(self, text: &str, start: usize) -> Self {
        let (line, column) = position(text, start);
        Self::At {
            line,
            column,
            error: Box::new(self),
        }
    }
}

/// The line and the column, in characters, of the byte `start`; each from 1 on.
fn position(text: &str, start: usize) -> (usize, usize) {
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[line_start..].chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// Turns serde's `invalid type: string "cat", expected a boolean` into `a string where a boolean is expected`.
fn without_value(message: &str) -> String {
    let parts = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .and_then(|rest| rest.rsplit_once(", expected "));
    let Some((found, expected)) = parts else {
        return message.replace('\n', ", ");
    };
    let kind = found.split(' ').next().unwrap_or_default();
    let (found, article) = match kind {
        "string" | "boolean" | "map" | "sequence" => (kind, "a"),
        "integer" => (kind, "an"),
        "floating" => ("floating point number", "a"),
        _ => ("value of another kind", "a"),
    };
    let found = match found {
        "map" => "table",
        "sequence" => "list",
        found => found,
    };
    let expected = match expected {
        "a map" => "a table",
        "a sequence" => "a list",
        expected => expected,
    };
    format!("{article} {found} where {expected} is expected")
}

/// The names there are, for a message.
fn listed(names: &[String]) -> String {
    match names {
        [] => "it has none".to_owned(),
        names => format!("it has `{}`", names.join("`, `")),
    }
}
