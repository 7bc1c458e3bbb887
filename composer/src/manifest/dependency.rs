//! The dependencies of a component: `[component.ID.dependencies]`.

use std::path::PathBuf;

use toml::Value;

use super::public;

/// A component that fills some imports of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependency {
    /// Its name: an import, `acme:greeting/hello@0.1.0`, or a package or interface whose imports it fills, with or without a
    /// version.
    pub name: String,
    /// The place where it is.
    pub source: DependencySource,
    /// The export that fills the import, if it has another name.
    pub export: Option<String>,
    /// The configuration of the component that it inherits. What it does not, Spin denies it.
    pub inherits: Inherits,
}

/// The configuration of a component that a dependency inherits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inherits {
    /// All of it.
    All,
    /// That of these keys, such as `allowed_outbound_hosts`.
    Keys(Vec<String>),
}

impl Inherits {
    /// Returns true if it inherits `key`.
    pub fn has(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Keys(keys) => keys.iter().any(|own| own == key),
        }
    }
}

/// The place where a dependency is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DependencySource {
    /// A file; a relative path is relative to the manifest's folder.
    Path(PathBuf),
    /// A package of a registry.
    Registry {
        /// The package; that of the import unless given.
        package: Option<String>,
        /// The versions that will do.
        version: String,
    },
    /// A url, without the parts that may be secret.
    Url(String),
    /// Another component of the manifest.
    Component(String),
}

impl Dependency {
    /// Reads the dependency `name`; `None` if it is of a kind that is not known here.
    pub(super) fn of(name: &str, value: &Value) -> Option<Self> {
        let text = |key| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let source = match value {
            Value::String(version) => DependencySource::Registry {
                package: None,
                version: version.clone(),
            },
            _ => {
                let path = text("path").map(|path| DependencySource::Path(path.into()));
                let url = || text("url").map(|url| DependencySource::Url(public(&url)));
                let component = || text("component").map(DependencySource::Component);
                let registry = || {
                    Some(DependencySource::Registry {
                        package: text("package"),
                        version: text("version")?,
                    })
                };
                path.or_else(url).or_else(component).or_else(registry)?
            }
        };
        let inherits = match value.get("inherit_configuration") {
            Some(Value::Boolean(true)) => Inherits::All,
            Some(Value::Array(keys)) => {
                let keys = keys.iter().filter_map(Value::as_str);
                Inherits::Keys(keys.map(str::to_owned).collect())
            }
            _ => Inherits::Keys(Vec::new()),
        };
        Some(Self {
            name: name.to_owned(),
            source,
            export: text("export"),
            inherits,
        })
    }

    /// Returns true if it fills the import `import`: its name is the import's, or names its package or its interface.
    pub fn fills(&self, import: &str) -> bool {
        let (name, version) = parts(&self.name);
        let (import_name, import_version) = parts(import);
        let package = import_name.split('/').next();
        (name == import_name || Some(name) == package && name.contains(':'))
            && (version.is_none() || version == import_version)
    }
}

/// A name and its version.
fn parts(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    }
}
