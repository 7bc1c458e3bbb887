//! The report on an app, made by composing it.

use std::borrow::Cow;

use crate::{
    adapters::EMBEDDED,
    compose::Composer,
    error::ComposeError,
    input::{App, AppError},
    report::{
        CommandLine, Graph, Import, Inspection, Outcome, Requirements, imports_of_app, ungoverned,
    },
    settings::Settings,
    wasi::Provider,
    wire,
};

/// Returns true if `app` imports MQTT, in any version.
///
/// # Errors
///
/// If `app` is no valid WebAssembly, or a core module that does not say which interfaces it uses.
pub fn imports_mqtt(app: &[u8]) -> Result<bool, ComposeError> {
    Ok(App::parse(app.into())?.imports_mqtt())
}

impl Composer {
    /// Reports on the imports of `app` and on the outcome of [`compose`](Self::compose), by composing it.
    ///
    /// # Errors
    ///
    /// Only if there is nothing to report on: `app` is no valid WebAssembly, or a core module that does not say which interfaces it
    /// uses. If it is valid and can't be composed, the report says why in [`Inspection::outcome`].
    pub fn inspect<'a>(&self, app: impl Into<Cow<'a, [u8]>>) -> Result<Inspection, ComposeError> {
        let mut app = App::parse(app.into())?;
        let mut imports = Import::all(&app.component);
        let fills = wire::fills(&app.component, false).into_iter();
        let fills: Vec<String> = fills.map(|(import, _)| import.to_owned()).collect();
        let composition = self.compose_app(&mut app);
        for import in &mut imports {
            let is_plugged = match &composition {
                Ok(composition) => composition.plugged().contains(&import.name),
                // All else would have been plugged.
                Err(ComposeError::Unresolved(unresolved)) => {
                    let mut unresolved = unresolved.as_slice().iter();
                    fills.contains(&import.name) && !unresolved.any(|it| it.name == import.name)
                }
                Err(_) => false,
            };
            if is_plugged {
                import.provider = Provider::Adapter;
            }
            if let Ok(composition) = &composition
                && composition.stubbed().contains(&import.name)
            {
                import.provider = Provider::Stub;
            }
        }
        let settings = match &composition {
            Ok(composition) => composition.settings().cloned(),
            Err(ComposeError::App(
                AppError::AlreadyComposed { .. } | AppError::AlreadyPlugged | AppError::IsAdapter,
            )) => Settings::read(&app.bytes),
            Err(_) => Some(self.settings.clone()),
        };
        let (outcome, host, ungoverned_imports, requirements, graph, command) = match composition {
            Ok(composition) => {
                let outcome = Outcome::Ready {
                    import: EMBEDDED.interface(),
                };
                let command = composition.command_line();
                let (imports, graph) = (composition.imports(), composition.graph());
                (
                    outcome,
                    imports,
                    composition.ungoverned,
                    Some(composition.requirements),
                    graph,
                    command,
                )
            }
            Err(
                reason @ ComposeError::App(
                    AppError::AlreadyComposed { .. } | AppError::AlreadyPlugged,
                ),
            ) => {
                let graph = Graph::of(&app.bytes);
                let stubbed: Vec<&str> = graph.iter().flat_map(Graph::stubbed).collect();
                let of_app = imports_of_app(&app.bytes);
                let of_app = of_app.iter().map(String::as_str);
                let of_app = of_app.filter(|name| !stubbed.contains(name));
                let requirements = Requirements::of(of_app.clone(), settings.as_ref());
                let command = CommandLine::of(&app.component, &requirements);
                (
                    Outcome::Composed { reason },
                    imports.clone(),
                    ungoverned(of_app),
                    Some(requirements),
                    graph,
                    command,
                )
            }
            Err(reason) => (
                Outcome::Refused { reason },
                Vec::new(),
                Vec::new(),
                None,
                None,
                None,
            ),
        };
        let is_limited = settings
            .as_ref()
            .is_some_and(|settings| settings.permitted().is_some());
        Ok(Inspection {
            form: app.form,
            exports: app
                .component
                .exports()
                .map(|(name, _)| name.to_owned())
                .collect(),
            settings,
            imports,
            outcome,
            host: host
                .into_iter()
                .filter(|import| import.provider != Provider::NotNeeded)
                .collect(),
            ungoverned_imports: match is_limited {
                true => ungoverned_imports,
                false => Vec::new(),
            },
            stubbed: graph
                .iter()
                .flat_map(Graph::stubbed)
                .map(str::to_owned)
                .collect(),
            requirements,
            graph,
            command,
        })
    }
}
