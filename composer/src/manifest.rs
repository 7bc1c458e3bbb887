//! `spin.toml`, the manifest of a Spin application, version 1 or 2: the settings of its components, and their files.
//!
//! Other keys are ignored: triggers, builds, and those that later versions of Spin add. Components that stand in their trigger have
//! the ids that Spin gives them. Keys that no known version of Spin has are [listed](Manifest::unknown_keys), for they may be
//! misspelt.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use mqtt_address::Template;
use serde::{Deserialize, de::DeserializeOwned};
use toml::Spanned;

use crate::settings::{Settings, canonical_abi::MAX_ITEMS, check_name};

mod dependency;
mod error;
#[cfg(test)]
mod tests;
mod trigger;
mod unread;

pub use dependency::{Dependency, DependencySource, Inherits};
pub use error::ManifestError;
pub use unread::UnknownKey;

use trigger::Trigger;

/// The largest manifest that is read, in bytes: a hundred times the size of a large one.
pub const MAX_MANIFEST_SIZE: usize = 1 << 20;

/// A manifest, parsed.
#[derive(Debug)]
pub struct Manifest {
    text: Text,
    variables: BTreeMap<String, Spanned<Variable>>,
    components: BTreeMap<String, ManifestComponent>,
    unknown: Vec<UnknownKey>,
}

/// The text of a manifest, for the places in messages. It may hold secrets, and is not shown.
struct Text(String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }
}

/// A component of an application, as its manifest has it.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a table with a `source`")]
pub struct ManifestComponent {
    /// In manifests of version 1; in those of version 2 it stands outside.
    id: Option<String>,
    source: Source,
    #[serde(default)]
    allowed_outbound_hosts: Vec<Spanned<String>>,
    /// The key that Spin had before `allowed_outbound_hosts`, in any form.
    allowed_http_hosts: Option<toml::Value>,
    #[serde(default)]
    environment: BTreeMap<String, Value>,
    #[serde(default)]
    variables: BTreeMap<String, Spanned<Value>>,
    /// The variables in manifests of version 1.
    #[serde(default)]
    config: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
    #[serde(default)]
    dependencies_inherit_configuration: bool,
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
    #[serde(default)]
    files: Vec<toml::Value>,
    #[serde(default)]
    key_value_stores: Vec<String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
    #[serde(default)]
    ai_models: Vec<String>,
}

/// What differs when a component is run with a profile, as Spin has it.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a table such as `{ source = \"…\" }`")]
struct Profile {
    source: Option<Source>,
    #[serde(default)]
    environment: BTreeMap<String, Value>,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

/// The source of a component's bytes.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a path, a url or a registry package")]
enum Source {
    Path(PathBuf),
    Url { url: String },
    Package { package: String },
}

/// A variable of the application.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a table such as `{ default = \"…\" }` or `{ required = true }`")]
struct Variable {
    default: Option<Value>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    secret: bool,
}

/// A text that may be secret, and is not shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
struct Value(String);

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }
}

/// The version alone, which decides how to read the rest.
#[derive(Deserialize)]
struct Version {
    spin_manifest_version: Option<toml::Value>,
    /// The key of older manifests.
    spin_version: Option<toml::Value>,
}

/// The rest.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    variables: BTreeMap<String, Spanned<Variable>>,
    #[serde(default)]
    component: BTreeMap<String, ManifestComponent>,
    #[serde(default)]
    trigger: BTreeMap<String, Vec<Trigger>>,
}

/// The rest of a manifest of version 1.
#[derive(Deserialize)]
struct DocumentV1 {
    #[serde(default)]
    variables: BTreeMap<String, Spanned<Variable>>,
    #[serde(default)]
    component: Vec<Spanned<ManifestComponent>>,
}

impl DocumentV1 {
    /// The same as version 2 has it, as Spin converts it.
    fn into_document(self, text: &str) -> Result<Document, ManifestError> {
        let mut components = BTreeMap::new();
        for spanned in self.component {
            let start = spanned.span().start;
            let mut component = spanned.into_inner();
            let id = component.id.take();
            let id = id.ok_or_else(|| ManifestError::NoId.at(text, start))?;
            let id = match trigger::is_id(&id) {
                true => id,
                false => id.replace('_', "-").to_lowercase(),
            };
            component.variables = std::mem::take(&mut component.config);
            components.insert(id, component);
        }
        Ok(Document {
            variables: self.variables,
            component: components,
            trigger: BTreeMap::new(),
        })
    }
}

/// A key by which a manifest gives a component something that can't be composed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extra {
    /// `allowed_http_hosts`.
    AllowedHttpHosts,
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
            Self::AllowedHttpHosts => "allowed_http_hosts",
            Self::Files => "files",
            Self::KeyValueStores => "key_value_stores",
            Self::SqliteDatabases => "sqlite_databases",
            Self::AiModels => "ai_models",
        }
    }

    /// The remedy.
    pub fn advice(self) -> &'static str {
        match self {
            Self::AllowedHttpHosts => {
                "about HTTP, which the host limits; brokers stand in allowed_outbound_hosts"
            }
            Self::Files => "the host must give the files (wasmtime: `--dir HOST::GUEST`)",
            Self::KeyValueStores | Self::SqliteDatabases | Self::AiModels => {
                "unsupported: only a Spin host provides it"
            }
        }
    }
}

impl Manifest {
    /// Parses a `spin.toml`.
    ///
    /// # Errors
    ///
    /// If it is no manifest of version 1 or 2; with line and column where one place is to blame.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_SIZE {
            return Err(ManifestError::TooLarge);
        }
        let text = str::from_utf8(bytes).map_err(|_| ManifestError::NotUtf8)?;
        let Version {
            spin_manifest_version,
            spin_version,
        } = toml(text)?;
        let is_first = match spin_manifest_version.or(spin_version) {
            Some(toml::Value::Integer(2)) => false,
            Some(toml::Value::String(version)) if version == "1" => true,
            version => {
                return Err(ManifestError::Version {
                    version: version.map(|version| version.to_string()),
                });
            }
        };
        let mut document = match is_first {
            true => toml::<DocumentV1>(text)?.into_document(text)?,
            false => toml::<Document>(text)?,
        };
        trigger::take_components(&mut document.trigger, &mut document.component);
        for (name, variable) in &document.variables {
            let start = variable.span().start;
            check_name(name).map_err(|error| ManifestError::from(error).at(text, start))?;
            let variable = variable.get_ref();
            if variable.default.is_some() == variable.required {
                return Err(ManifestError::Variable { name: name.clone() }.at(text, start));
            }
        }
        check_count("[variables]", document.variables.len())?;
        for (id, component) in &document.component {
            for (key, count) in [
                (
                    "allowed_outbound_hosts",
                    component.allowed_outbound_hosts.len(),
                ),
                ("environment", component.environment.len()),
                ("variables", component.variables.len()),
            ] {
                check_count(&format!("`{key}` of the component `{id}`"), count)?;
            }
        }
        if document.component.is_empty() {
            return Err(ManifestError::NoComponents);
        }
        let table: toml::Table = toml(text)?;
        Ok(Self {
            text: Text(text.to_owned()),
            variables: document.variables,
            components: document.component,
            unknown: match is_first {
                true => unread::unknown_keys_v1(&table),
                false => unread::unknown_keys(&table),
            },
        })
    }

    /// The same with the profile `name`: where a component has one of that name, its source is used, and its environment and
    /// dependencies are added. All else is as without.
    ///
    /// # Errors
    ///
    /// If no component has such a profile.
    pub fn profile(mut self, name: &str) -> Result<Self, ManifestError> {
        let mut known = BTreeSet::new();
        let mut is_known = false;
        for component in self.components.values_mut() {
            let mut profiles = std::mem::take(&mut component.profile);
            if let Some(profile) = profiles.remove(name) {
                is_known = true;
                component.environment.extend(profile.environment);
                component.dependencies.extend(profile.dependencies);
                if let Some(source) = profile.source {
                    component.source = source;
                }
            }
            known.extend(profiles.into_keys());
        }
        match is_known {
            true => Ok(self),
            false => Err(ManifestError::UnknownProfile {
                name: name.to_owned(),
                known: known.into_iter().collect(),
            }),
        }
    }

    /// The keys that Spin does not know and that are ignored: at the top, of variables, and of the component `id`.
    pub fn unknown_keys(&self, id: &str) -> impl Iterator<Item = &UnknownKey> {
        self.unknown
            .iter()
            .filter(move |key| key.component.as_deref().is_none_or(|own| own == id))
    }

    /// The components and their ids, in the order of the ids.
    pub fn components(&self) -> impl Iterator<Item = (&str, &ManifestComponent)> {
        self.components
            .iter()
            .map(|(id, component)| (id.as_str(), component))
    }

    /// The component `id`, with its id.
    ///
    /// # Errors
    ///
    /// If there is no such component.
    pub fn component(&self, id: &str) -> Result<(&str, &ManifestComponent), ManifestError> {
        self.components
            .get_key_value(id)
            .map(|(id, component)| (id.as_str(), component))
            .ok_or_else(|| ManifestError::UnknownComponent {
                id: id.to_owned(),
                known: self.components.keys().cloned().collect(),
            })
    }

    /// The names of the secret variables.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.variables
            .iter()
            .filter(|(_, variable)| variable.get_ref().secret)
            .map(|(name, _)| name.as_str())
    }

    /// The settings that `component` is composed with: its permissions, variables and environment. `values` are the known values
    /// of the application's variables: the last one for a name overrides earlier ones and the default.
    ///
    /// # Errors
    ///
    /// If a value is given for a variable that the application lacks; or if a template or an entry of the allowed hosts is not
    /// valid, with its line and column.
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
        let mut settings = Settings::new();
        let used = component.used_variables();
        for (name, variable) in &self.variables {
            // Variables that the component does not use, others' secrets above all, do not go into its file.
            if !used.contains(name.as_str()) {
                continue;
            }
            let given = values.iter().rev().find(|(own, _)| own == name);
            let default = variable.get_ref().default.as_ref();
            let default = default.map(|Value(value)| value);
            let value = given.map(|(_, value)| value).or(default);
            settings = settings.variable(name, value.cloned());
        }

        // Each is checked by itself first, for an error with its place.
        let check = |alone: Settings, start: usize| {
            alone
                .check()
                .map_err(|error| ManifestError::from(error).at(&self.text.0, start))
        };
        let hosts = &component.allowed_outbound_hosts;
        for host in hosts {
            let alone = settings.clone().allowed_hosts([host.get_ref().clone()]);
            check(alone, host.span().start)?;
        }
        for (name, template) in &component.variables {
            let Value(text) = template.get_ref();
            let alone = settings.clone().component_variable(name, text);
            check(alone, template.span().start)?;
        }

        // Without a list nothing is permitted, as on Spin.
        settings = settings.allowed_hosts(hosts.iter().map(|host| host.get_ref().clone()));
        for (name, template) in &component.variables {
            let Value(text) = template.get_ref();
            settings = settings.component_variable(name, text);
        }
        for (name, Value(value)) in &component.environment {
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
    /// If the bytes are not in a file. `id` is the component's, for the message.
    pub fn source(&self, id: &str) -> Result<&Path, ManifestError> {
        let (kind, location) = match &self.source {
            Source::Path(path) => return Ok(path),
            Source::Url { url } => ("the url", url),
            Source::Package { package } => ("the registry package", package),
        };
        Err(ManifestError::Remote {
            id: id.to_owned(),
            kind,
            location: public(location),
        })
    }

    /// Its dependencies: components that fill some of its imports.
    pub fn dependencies(&self) -> impl Iterator<Item = Dependency> {
        let all_inherit = self.dependencies_inherit_configuration;
        self.dependencies.iter().filter_map(move |(name, value)| {
            let mut dependency = Dependency::of(name, value)?;
            if all_inherit {
                dependency.inherits = Inherits::All;
            }
            Some(dependency)
        })
    }

    /// The names of the variables in its templates. Malformed templates are reported when they are composed in.
    fn used_variables(&self) -> BTreeSet<&str> {
        let texts = self.variables.values().map(|text| &text.get_ref().0);
        texts
            .chain(self.allowed_outbound_hosts.iter().map(Spanned::get_ref))
            .filter_map(|text| Template::new(text).ok())
            .flat_map(|template| template.variables().collect::<Vec<_>>())
            .collect()
    }

    /// The keys of the manifest for it that can't be composed in.
    pub fn extras(&self) -> impl Iterator<Item = Extra> {
        let no_http_hosts = match &self.allowed_http_hosts {
            None => true,
            Some(hosts) => hosts.as_array().is_some_and(Vec::is_empty),
        };
        [
            (Extra::AllowedHttpHosts, no_http_hosts),
            (Extra::Files, self.files.is_empty()),
            (Extra::KeyValueStores, self.key_value_stores.is_empty()),
            (Extra::SqliteDatabases, self.sqlite_databases.is_empty()),
            (Extra::AiModels, self.ai_models.is_empty()),
        ]
        .into_iter()
        .filter_map(|(extra, none)| (!none).then_some(extra))
    }
}

/// A url without the parts that may be secret: a user and password, and the query.
fn public(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (scheme, rest) = match url[..end].split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), &url[..end]),
    };
    let authority = rest.find('/').unwrap_or(rest.len());
    let host = rest[..authority].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}{}", &rest[host..])
}

fn toml<T: DeserializeOwned>(text: &str) -> Result<T, ManifestError> {
    toml::from_str(text).map_err(|error| ManifestError::toml(&error, text))
}

fn check_count(what: &str, count: usize) -> Result<(), ManifestError> {
    if count > MAX_ITEMS {
        return Err(ManifestError::TooMany {
            what: what.to_owned(),
        });
    }
    Ok(())
}
