//! What an app asks for, and what would come of composing it.

use std::borrow::Cow;

use serde::Serialize;

use crate::{
    command_line::CommandLine,
    component::Component,
    composer::{ComposeError, Composer},
    graph::Graph,
    guest::{Form, Guest, GuestError},
    names::{MQTT_INTERFACE, MqttName, VARIABLES_INTERFACE},
    needs::Needs,
    settings::Settings,
    unbound::{imports_of_app, unbound},
    wasi::Provider,
};

/// What [`Composer::inspect`] found. Serialized, and with the command line, it is what `compose
/// inspect --json` prints.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// What the input is.
    pub form: Form,
    /// The names of its exports, in the order of the file.
    pub exports: Vec<String>,
    /// What it imports and for what, in the order of the file.
    pub imports: Vec<Import>,
    /// What composing would do.
    pub socket: Socket,
    /// What the host must provide once it is composed (or, composed already, must provide now), in the order of the file;
    /// empty if it can't be composed.
    pub host: Vec<Import>,
    /// The settings that are composed in: those of the input if it is composed already (or an adapter), else the
    /// composer's. `None` if there are none in the input, as after another tool.
    pub settings: Option<Settings>,
    /// If a list of allowed hosts is composed in (or would be): the imports of the app, without versions, by which it
    /// reaches hosts itself, so that the list does not bind it. Else empty.
    pub unbound_imports: Vec<String>,
    /// The imports that [stubs](Composer::stub_unresolved) fill, once it is composed.
    pub stubbed: Vec<String>,
    /// What it needs of the network and of the environment, once it is composed; `None` if it can't be.
    pub needs: Option<Needs>,
    /// Which component serves which import of which, once it is composed; `None` if it can't be.
    #[serde(skip)]
    pub graph: Option<Graph>,
    /// How to run the result (or, composed already, the input); `None` if that is a library, if the host must provide more
    /// than WASI 0.2, or if it can't be composed.
    #[serde(skip)]
    pub command: Option<CommandLine>,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Import {
    /// Its full name.
    pub name: String,
    /// Who provides it.
    pub provider: Provider,
}

impl Import {
    /// The imports of `component`, none of them plugged.
    pub(crate) fn all(component: &Component) -> Vec<Self> {
        component
            .imports()
            .map(|(name, item)| Self {
                name: name.to_owned(),
                provider: Provider::of(component, name, item),
            })
            .collect()
    }
}

/// Whether composing has something to do for `app`, of whatever version its MQTT is.
///
/// # Errors
///
/// If `app` is no valid WebAssembly, or a core module that does not say which interfaces it uses.
pub fn imports_mqtt(app: &[u8]) -> Result<bool, ComposeError> {
    let guest = Guest::parse(app.into())?;
    Ok(guest
        .component
        .imports()
        .any(|(name, _)| MqttName::of(name).is_some()))
}

/// What composing would do with an app.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Socket {
    /// Plug the adapter into this import.
    Ready {
        /// The import's full name.
        import: &'static str,
    },
    /// Nothing: the adapter is inside already.
    Composed {
        /// How that is known.
        #[serde(serialize_with = "as_text")]
        reason: ComposeError,
    },
    /// Refuse.
    Refused {
        /// Why.
        #[serde(serialize_with = "as_text")]
        reason: ComposeError,
    },
}

fn as_text<S: serde::Serializer>(error: &ComposeError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}

impl Composer {
    /// Reports what `app` asks for and what [`compose`](Self::compose) would do with it, by doing it.
    ///
    /// # Errors
    ///
    /// Only if `app` is nothing that can be reported on: no valid WebAssembly, or a core module that does not say which
    /// interfaces it uses. If it is valid and can't be composed, the report says why in [`Inspection::socket`].
    pub fn inspect<'a>(&self, app: impl Into<Cow<'a, [u8]>>) -> Result<Inspection, ComposeError> {
        let mut guest = Guest::parse(app.into())?;
        let mut imports = Import::all(&guest.component);
        let composition = self.compose_guest(&mut guest);
        for import in &mut imports {
            let is_plugged = match &composition {
                Ok(composition) => composition.plugged().contains(&import.name),
                // All else would have been plugged, and is for no one but the adapter.
                Err(ComposeError::Leftovers(leftovers)) => {
                    let is_left = leftovers.as_slice().iter().any(|it| it.name == import.name);
                    !is_left
                        && [MQTT_INTERFACE, VARIABLES_INTERFACE].contains(&import.name.as_str())
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
            Err(ComposeError::Guest(
                GuestError::AlreadyComposed { .. }
                | GuestError::AlreadyPlugged
                | GuestError::IsAdapter,
            )) => Settings::read(&guest.bytes),
            Err(_) => Some(self.settings.clone()),
        };
        let (socket, host, unbound_imports, needs, graph, command) = match composition {
            Ok(composition) => {
                let socket = Socket::Ready {
                    import: MQTT_INTERFACE,
                };
                let command = composition.command_line();
                let (imports, graph) = (composition.imports(), composition.graph());
                (
                    socket,
                    imports,
                    composition.unbound,
                    Some(composition.needs),
                    graph,
                    command,
                )
            }
            Err(
                reason @ ComposeError::Guest(
                    GuestError::AlreadyComposed { .. } | GuestError::AlreadyPlugged,
                ),
            ) => {
                let graph = Graph::of(&guest.bytes);
                let stubbed: Vec<&str> = graph.iter().flat_map(Graph::stubbed).collect();
                let of_app = imports_of_app(&guest.bytes);
                let of_app = of_app.iter().map(String::as_str);
                let of_app = of_app.filter(|name| !stubbed.contains(name));
                let needs = Needs::of(of_app.clone(), settings.as_ref());
                let command = CommandLine::of(&guest.component, &needs);
                (
                    Socket::Composed { reason },
                    imports.clone(),
                    unbound(of_app),
                    Some(needs),
                    graph,
                    command,
                )
            }
            Err(reason) => (
                Socket::Refused { reason },
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
            form: guest.form,
            exports: guest
                .component
                .exports()
                .map(|(name, _)| name.to_owned())
                .collect(),
            settings,
            imports,
            socket,
            host: host
                .into_iter()
                .filter(|import| import.provider != Provider::NotNeeded)
                .collect(),
            unbound_imports: match is_limited {
                true => unbound_imports,
                false => Vec::new(),
            },
            stubbed: graph
                .iter()
                .flat_map(Graph::stubbed)
                .map(str::to_owned)
                .collect(),
            needs,
            graph,
            command,
        })
    }
}
