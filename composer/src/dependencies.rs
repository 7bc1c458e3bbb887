//! The dependencies of an app, plugged into it before an adapter is: `[component.ID.dependencies]` of a manifest.

use std::{borrow::Cow, mem};

use thiserror::Error;

use crate::{
    input::{App, AppError},
    manifest::Dependency,
    types::{InterfaceName, Unsupported},
    wire::{self, Argument, Mismatch, PlugError, Side, Wiring},
};

/// The reasons why a dependency can't be plugged into an app.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DependencyError {
    /// The app is no valid WebAssembly.
    #[error(transparent)]
    App(#[from] AppError),
    /// The app has an import or export that no WIT world has.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// Something is wrong with one dependency.
    #[error("the dependency `{name}` can't be plugged in")]
    Dependency {
        /// Its name.
        name: String,
        /// The problem with it.
        source: DependencyProblem,
    },
    /// The parts fit, and yet did not make a component.
    #[error(transparent)]
    Plug(#[from] PlugError),
}

/// The problem with a dependency.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DependencyProblem {
    /// It was not read.
    #[error(transparent)]
    Load(Box<dyn std::error::Error + Send + Sync>),
    /// It is no valid WebAssembly.
    #[error(transparent)]
    Invalid(#[from] AppError),
    /// It has an import or export that no WIT world has.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// It lacks the export.
    #[error("it does not export `{export}`, for the import `{import}`")]
    MissingExport {
        /// The export that was looked for.
        export: String,
        /// The import that it is to fill.
        import: String,
    },
    /// Its export has other types than the import.
    #[error("its `{interface}` is not the one that is imported: {0}", interface = .0.interface)]
    Mismatch(Box<Mismatch>),
    /// Another dependency fills the import too.
    #[error(
        "the dependency `{other}` fills the import `{import}` as well: name one of them more closely"
    )]
    Conflict {
        /// The other dependency.
        other: String,
        /// The import.
        import: String,
    },
    /// It imports what Spin denies it.
    #[error(
        "it imports `{import}` and does not inherit `{key}`, so that Spin denies it that; if it may have what the component has, say \
         `inherit_configuration = [\"{key}\"]`"
    )]
    Denied {
        /// The import.
        import: String,
        /// The key of the configuration that it is of.
        key: &'static str,
    },
}

/// Plugs those of `dependencies` into `app` that fill some of its imports and that `load` has the bytes of, and returns the
/// app with the names of what was plugged in. Both are components, or core modules as the Spin SDKs make them.
///
/// A dependency has what the app has: Spin denies it the network, files and all the like unless it inherits the configuration of
/// the app, and a host of components can't. One that would have Spin's own interfaces is refused.
///
/// # Errors
///
/// If a dependency that is loaded does not fit.
pub fn plug_dependencies<'a>(
    app: impl Into<Cow<'a, [u8]>>,
    dependencies: impl IntoIterator<Item = Dependency>,
    mut load: impl FnMut(
        &Dependency,
    ) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>>,
) -> Result<(Vec<u8>, Vec<String>), DependencyError> {
    let mut app = App::parse(app.into())?;
    app.component.check_supported()?;
    let mut wiring = Wiring::new();
    let root = wiring.add(mem::take(&mut app.bytes))?;
    let app = &app.component;
    let mut filled: Vec<(&str, String)> = Vec::new();
    for dependency in dependencies {
        let name = &dependency.name;
        let fail = |source: DependencyProblem| DependencyError::Dependency {
            name: name.clone(),
            source,
        };
        let imports = app.imports().map(|(import, _)| import);
        let imports: Vec<&str> = imports.filter(|import| dependency.fills(import)).collect();
        if imports.is_empty() {
            continue;
        }
        let Some(bytes) = load(&dependency).map_err(|e| fail(DependencyProblem::Load(e)))? else {
            continue;
        };
        let mut provider = App::parse(bytes.into()).map_err(|e| fail(e.into()))?;
        provider
            .component
            .check_supported()
            .map_err(|e| fail(e.into()))?;
        for (import, _) in provider.component.imports() {
            if let Some(key) = key_of(import).filter(|key| !dependency.inherits.has(key)) {
                let import = import.to_owned();
                return Err(fail(DependencyProblem::Denied { import, key }));
            }
        }
        let part = wiring.add(mem::take(&mut provider.bytes))?;
        for import in imports {
            if let Some((_, other)) = filled.iter().find(|(other, _)| *other == import) {
                return Err(fail(DependencyProblem::Conflict {
                    other: other.clone(),
                    import: import.to_owned(),
                }));
            }
            let export = dependency.export.as_deref().unwrap_or(import);
            let (Some(wanted), Some(offered)) =
                (app.import(import), provider.component.export(export))
            else {
                return Err(fail(DependencyProblem::MissingExport {
                    export: export.to_owned(),
                    import: import.to_owned(),
                }));
            };
            let wanted = Side {
                name: "the app imports",
                component: app,
                item: wanted,
                kind: wiring.import(root, import),
            };
            let offered = Side {
                name: "the dependency exports",
                component: &provider.component,
                item: offered,
                kind: wiring.export(part, export),
            };
            wire::check(import, wiring.types(), wanted, offered)
                .map_err(|mismatch| fail(DependencyProblem::Mismatch(mismatch)))?;
            wiring.connect(Argument {
                part: root,
                import,
                provider: part,
                export,
            })?;
            filled.push((import, name.clone()));
        }
    }
    let mut names: Vec<String> = filled.into_iter().map(|(_, name)| name).collect();
    names.dedup();
    match names.is_empty() {
        true => Ok((wiring.bytes(root).to_vec(), names)),
        false => Ok((wiring.finish(root)?, names)),
    }
}

/// The key of the configuration that a dependency must inherit for its import `import` of Spin's interfaces; `None` for others.
fn key_of(import: &str) -> Option<&'static str> {
    let name = InterfaceName::parse(import)?;
    if name.package != "fermyon:spin" && !name.package.starts_with("spin:") {
        return None;
    }
    Some(match name.interface {
        "variables" | "config" => "variables",
        "key-value" => "key_value_stores",
        "sqlite" => "sqlite_databases",
        "llm" => "ai_models",
        _ => "allowed_outbound_hosts",
    })
}
