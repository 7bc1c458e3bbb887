//! `spin.toml`, the manifest of a Spin application, version 2: what of it decides how a component is composed.
//!
//! Keys that say nothing about that are ignored, as Spin ignores those of later versions.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use thiserror::Error;

use crate::settings::Settings;

/// A manifest, parsed.
#[derive(Debug)]
pub struct Manifest {
    variables: BTreeMap<String, Variable>,
    components: BTreeMap<String, ManifestComponent>,
}

/// A component of an application, as its manifest has it.
#[derive(Debug, Deserialize)]
pub struct ManifestComponent {
    source: Source,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    files: Vec<toml::Value>,
    #[serde(default)]
    key_value_stores: Vec<String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
    #[serde(default)]
    ai_models: Vec<String>,
}

/// Where a component's bytes are.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a path, a url or a registry package")]
enum Source {
    Path(PathBuf),
    Url { url: String },
    Package { package: String },
}

/// A variable of the application.
#[derive(Debug, Deserialize)]
struct Variable {
    default: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    secret: bool,
}

/// The version alone, which decides how to read the rest.
#[derive(Deserialize)]
struct Version {
    spin_manifest_version: Option<toml::Spanned<toml::Value>>,
    /// How manifests said it before.
    spin_version: Option<toml::Value>,
}

/// The rest.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    #[serde(default)]
    component: BTreeMap<String, ManifestComponent>,
}

/// Something that a manifest gives a component and that can't be composed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extra {
    /// `files`.
    Files,
    /// `key_value_stores`.
    KeyValueStores,
    /// `sqlite_databases`.
    SqliteDatabases,
    /// `ai_models`.
    AiModels,
}

impl Extra {
    /// The manifest's key.
    pub fn key(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::KeyValueStores => "key_value_stores",
            Self::SqliteDatabases => "sqlite_databases",
            Self::AiModels => "ai_models",
        }
    }

    /// What is to be done about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Files => "the host must give the files (wasmtime: `--dir HOST::GUEST`)",
            Self::KeyValueStores | Self::SqliteDatabases | Self::AiModels => {
                "unsupported: only a Spin host provides it"
            }
        }
    }
}

/// Why a manifest can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is no TOML, or a key has a value of another kind. The text has line and column.
    #[error("it is not a valid manifest: {}", .0.to_string().trim_end())]
    Toml(#[from] toml::de::Error),
    /// It is of version 1.
    #[error(
        "it is of manifest version 1: change it to version 2, in which `spin_manifest_version = 2` stands at the top, \
         `[application]` holds the application's name, each `[[component]]` becomes a `[component.<id>]` with its trigger in \
         `[[trigger.http]]`, and `allowed_http_hosts` becomes `allowed_outbound_hosts`"
    )]
    Version1,
    /// It is of a version that is not known, or of none.
    #[error("{}, but this tool reads version 2", match .version {
        Some(version) => format!("its `spin_manifest_version` is {version}"),
        None => "it has no `spin_manifest_version`".to_owned(),
    })]
    Version {
        /// The version, as it stands there.
        version: Option<String>,
    },
    /// A variable has neither a default nor is it required, or both.
    #[error("the variable `{name}` must have either a `default` or `required = true`")]
    Variable {
        /// Its name.
        name: String,
    },
    /// A variable was given that the manifest lacks.
    #[error("the application has no variable `{name}`; {}", listed("it has", .known))]
    UnknownVariable {
        /// The name, as it was given.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// There is no such component.
    #[error("the application has no component `{id}`; {}", listed("it has", .known))]
    UnknownComponent {
        /// The id, as it was given.
        id: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A component's bytes are not in a file.
    #[error("the source of the component `{id}` is {kind} `{location}`: fetch it first, and give its file with `--source FILE`")]
    Remote {
        /// The component.
        id: String,
        /// `the url` or `the registry package`.
        kind: &'static str,
        /// Which.
        location: String,
    },
}

fn listed(verb: &str, names: &[String]) -> String {
    match names {
        [] => format!("{verb} none"),
        names => format!("{verb} `{}`", names.join("`, `")),
    }
}

impl Manifest {
    /// Parses the text of a `spin.toml`.
    ///
    /// # Errors
    ///
    /// If it is no manifest of version 2; with line and column where one place is to blame.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let version: Version = toml::from_str(text)?;
        let number = version.spin_manifest_version.map(toml::Spanned::into_inner);
        match number {
            Some(toml::Value::Integer(2)) => {}
            Some(toml::Value::Integer(1)) => return Err(ManifestError::Version1),
            Some(toml::Value::String(text)) if text == "1" => return Err(ManifestError::Version1),
            None if version.spin_version.is_some() => return Err(ManifestError::Version1),
            other => {
                return Err(ManifestError::Version {
                    version: other.map(|version| version.to_string()),
                });
            }
        }
        let document: Document = toml::from_str(text)?;
        for (name, variable) in &document.variables {
            if variable.default.is_some() == variable.required {
                return Err(ManifestError::Variable { name: name.clone() });
            }
        }
        Ok(Self {
            variables: document.variables,
            components: document.component,
        })
    }

    /// The components and their ids, in the order of the ids.
    pub fn components(&self) -> impl Iterator<Item = (&str, &ManifestComponent)> {
        self.components
            .iter()
            .map(|(id, component)| (id.as_str(), component))
    }

    /// The component `id`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn component(&self, id: &str) -> Result<&ManifestComponent, ManifestError> {
        self.components
            .get(id)
            .ok_or_else(|| ManifestError::UnknownComponent {
                id: id.to_owned(),
                known: self.components.keys().cloned().collect(),
            })
    }

    /// The names of the secret variables.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.variables
            .iter()
            .filter(|(_, variable)| variable.secret)
            .map(|(name, _)| name.as_str())
    }

    /// What `component` is composed with: its permissions, variables and environment. `values` are the values of the
    /// application's variables that are known now, the last of a name before earlier ones and before the default.
    ///
    /// # Errors
    ///
    /// If a value is given for a variable that the application lacks.
    pub fn settings(
        &self,
        component: &ManifestComponent,
        values: &[(String, String)],
    ) -> Result<Settings, ManifestError> {
        if let Some((name, _)) = values
            .iter()
            .find(|(name, _)| !self.variables.contains_key(name))
        {
            return Err(ManifestError::UnknownVariable {
                name: name.clone(),
                known: self.variables.keys().cloned().collect(),
            });
        }
        // No list permits nothing, as on Spin.
        let mut settings = Settings::new().allowed_hosts(component.allowed_outbound_hosts.clone());
        for (name, variable) in &self.variables {
            let given = values.iter().rev().find(|(own, _)| own == name);
            let value = given.map(|(_, value)| value).or(variable.default.as_ref());
            settings = settings.variable(name, value.cloned());
        }
        for (name, template) in &component.variables {
            settings = settings.component_variable(name, template);
        }
        for (name, value) in &component.environment {
            settings = settings.environment(name, value);
        }
        Ok(settings)
    }
}

impl ManifestComponent {
    /// The file with its bytes; a relative path is relative to the manifest's folder.
    ///
    /// # Errors
    ///
    /// If they are not in a file. `id` is the component's, for the message.
    pub fn source(&self, id: &str) -> Result<&Path, ManifestError> {
        let (kind, location) = match &self.source {
            Source::Path(path) => return Ok(path),
            Source::Url { url } => ("the url", url),
            Source::Package { package } => ("the registry package", package),
        };
        Err(ManifestError::Remote {
            id: id.to_owned(),
            kind,
            location: location.clone(),
        })
    }

    /// What the manifest gives it that can't be composed in.
    pub fn extras(&self) -> impl Iterator<Item = Extra> {
        [
            (Extra::Files, self.files.is_empty()),
            (Extra::KeyValueStores, self.key_value_stores.is_empty()),
            (Extra::SqliteDatabases, self.sqlite_databases.is_empty()),
            (Extra::AiModels, self.ai_models.is_empty()),
        ]
        .into_iter()
        .filter_map(|(extra, none)| (!none).then_some(extra))
    }
}
