//! What a composed component needs of where it runs, beside the interfaces that it imports.

use mqtt_address::environment_name;
use serde::Serialize;

use crate::{names::InterfaceName, settings::Settings};

/// What a composed component needs of the network and of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Needs {
    /// Whether the adapter connects to brokers: not if none is permitted.
    pub brokers: bool,
    /// Whether the app may open sockets itself.
    pub own_sockets: bool,
    /// Whether the app may send HTTP requests.
    pub http_client: bool,
    /// Whether names are looked up: not if all that is permitted are IP addresses, and the app itself asks for none.
    pub name_lookup: bool,
    /// The environment variables that the adapter reads, which give the application's variables their values.
    pub environment: Vec<EnvironmentVariable>,
    /// Whether the app may read any environment variable itself.
    pub own_environment: bool,
}

/// An environment variable that the adapter reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EnvironmentVariable {
    /// Its name, `SPIN_VARIABLE_…`.
    pub name: String,
    /// Whether it must be set, for lack of a value that was composed in.
    pub required: bool,
}

impl Needs {
    /// What an app with these imports needs with `settings` composed in, `None` if those are not known.
    pub(crate) fn of<'a>(
        imports: impl IntoIterator<Item = &'a str>,
        settings: Option<&Settings>,
    ) -> Self {
        // Without a list, all that the app asks for.
        let permissions = settings.and_then(Settings::permissions);
        let permits = |what: &dyn Fn(&crate::settings::Permission<'_>) -> bool| {
            permissions
                .as_ref()
                .is_none_or(|permissions| permissions.iter().any(what))
        };
        let mut needs = Self {
            brokers: permits(&|it| it.concerns_mqtt),
            name_lookup: permits(&|it| it.concerns_mqtt && it.needs_lookup),
            environment: settings
                .into_iter()
                .flat_map(Settings::variables)
                .map(|(name, has_value)| EnvironmentVariable {
                    name: environment_name(name),
                    required: !has_value,
                })
                .collect(),
            own_sockets: false,
            http_client: false,
            own_environment: false,
        };
        for name in imports.into_iter().filter_map(InterfaceName::parse) {
            match (name.package, name.interface) {
                ("wasi:sockets", "ip-name-lookup") => needs.name_lookup = true,
                ("wasi:sockets", "tcp" | "udp") => needs.own_sockets = true,
                ("wasi:http", "outgoing-handler") => needs.http_client = true,
                ("wasi:cli", "environment") => needs.own_environment = true,
                _ => {}
            }
        }
        needs
    }
}
