//! The settings of an app: decided when it is composed, and read by the adapter.
//!
//! The adapter imports `spin-mqtt:settings/settings` (wit/settings), and the component that provides it is generated here:
//! a memory that holds the settings as the canonical ABI lays them out, and a function that returns where. So no byte of
//! the adapter is changed, and nothing is asked of the host.

use std::fmt;

use mqtt_address::{EntryError, TemplateError};
use serde::{Serialize, Serializer};
use thiserror::Error;

pub(crate) mod canonical_abi;
mod check;
mod component;
mod hosts;

pub use check::Permission;
pub(crate) use check::check_name;

/// The hosts that an app may reach, its variables and its environment, decided when it is composed.
///
/// The default decides nothing: whatever the host allows, the app can reach, and it gets what the host gives it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    allowed_hosts: Option<Vec<String>>,
    variables: Vec<(String, Option<String>)>,
    component_variables: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    unique_client_id: bool,
    close_on_drop: bool,
    late_publish: bool,
}

impl Settings {
    /// Settings that decide nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Permits what one of `entries` permits, and nothing else; with no entries nothing at all. An entry is Spin's
    /// `scheme://host[:port]`, with places for [variables](Self::variable). Names that are not of ASCII are kept as `xn--…`, which
    /// addresses have to be.
    pub fn allowed_hosts(mut self, entries: impl IntoIterator<Item = String>) -> Self {
        self.allowed_hosts = Some(entries.into_iter().map(hosts::in_ascii).collect());
        self
    }

    /// Adds a variable of the application, with the value that it has where the environment of the running component has
    /// none for it. `None` leaves it unset there. As with all that has a name, the last of a name counts.
    ///
    /// The value stands in the component in clear text, be it secret or not.
    pub fn variable(mut self, name: impl Into<String>, value: Option<String>) -> Self {
        set(&mut self.variables, name.into(), value);
        self
    }

    /// Adds a variable of the component, which it reads through `fermyon:spin/variables`: a template over the
    /// [application's](Self::variable).
    pub fn component_variable(
        mut self,
        name: impl Into<String>,
        template: impl Into<String>,
    ) -> Self {
        set(&mut self.component_variables, name.into(), template.into());
        self
    }

    /// Adds an environment variable, which the app sees where the host gives it none of that name.
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        set(&mut self.environment, name.into(), value.into());
        self
    }

    /// Adds a random suffix to each client id that the app gives, so that instances with the same one do not throw each other out
    /// at the broker. Where the app gives none, each connection has one of its own anyway.
    pub fn unique_client_id(mut self, unique: bool) -> Self {
        self.unique_client_id = unique;
        self
    }

    /// Closes each connection when the app drops it. Otherwise an instance that has opened the same broker more than once keeps it,
    /// for the app to open again.
    pub fn close_on_drop(mut self, close: bool) -> Self {
        self.close_on_drop = close;
        self
    }

    /// Holds the first message of each connection back until the broker has answered CONNECT, for brokers that take nothing before.
    /// Otherwise the two leave together, which saves a round trip.
    pub fn late_publish(mut self, late: bool) -> Self {
        self.late_publish = late;
        self
    }

    /// The entries that permit something; `None` if everything is permitted.
    pub fn permitted(&self) -> Option<&[String]> {
        self.allowed_hosts.as_deref()
    }

    /// The names of the application's variables, and whether each has a value.
    pub fn variables(&self) -> impl Iterator<Item = (&str, bool)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.is_some()))
    }

    /// The names of the variables without a value, which must be set where the app runs.
    pub fn unset_variables(&self) -> impl Iterator<Item = &str> {
        self.variables()
            .filter_map(|(name, is_set)| (!is_set).then_some(name))
    }

    /// The names of the component's variables.
    pub fn component_variables(&self) -> impl Iterator<Item = &str> {
        names(&self.component_variables)
    }

    /// The names of the environment variables.
    pub fn environment_names(&self) -> impl Iterator<Item = &str> {
        names(&self.environment)
    }

    /// Returns true if the client ids that the app gives get a [suffix](Self::unique_client_id).
    pub fn has_unique_client_id(&self) -> bool {
        self.unique_client_id
    }

    /// Returns true if each connection is [closed when it is dropped](Self::close_on_drop).
    pub fn has_close_on_drop(&self) -> bool {
        self.close_on_drop
    }

    /// Returns true if the first message [waits](Self::late_publish) for the broker's answer.
    pub fn has_late_publish(&self) -> bool {
        self.late_publish
    }

    /// Returns true if they give the app an environment of its own.
    pub(crate) fn has_environment(&self) -> bool {
        !self.environment.is_empty()
    }
}

/// The settings without the values of variables and of the environment, which may be secret.
#[derive(Debug, Serialize)]
struct Public<'a> {
    allowed_hosts: Option<&'a [String]>,
    variables: Vec<&'a str>,
    unset_variables: Vec<&'a str>,
    component_variables: Vec<&'a str>,
    environment: Vec<&'a str>,
    unique_client_id: bool,
    close_on_drop: bool,
    late_publish: bool,
}

impl<'a> Public<'a> {
    fn of(settings: &'a Settings) -> Self {
        Self {
            allowed_hosts: settings.permitted(),
            variables: settings.variables().map(|(name, _)| name).collect(),
            unset_variables: settings.unset_variables().collect(),
            component_variables: settings.component_variables().collect(),
            environment: settings.environment_names().collect(),
            unique_client_id: settings.unique_client_id,
            close_on_drop: settings.close_on_drop,
            late_publish: settings.late_publish,
        }
    }
}

/// As `compose inspect --json` prints them: with names alone, and no value of a variable or of the environment.
impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Public::of(self).serialize(serializer)
    }
}

/// With names alone, too.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Public::of(self).fmt(f)
    }
}

fn names(pairs: &[(String, String)]) -> impl Iterator<Item = &str> {
    pairs.iter().map(|(name, _)| name.as_str())
}

/// Sets the value of `name`, in place of an earlier one.
fn set<V>(pairs: &mut Vec<(String, V)>, name: String, value: V) {
    match pairs.iter_mut().find(|(own, _)| *own == name) {
        Some((_, own)) => *own = value,
        None => pairs.push((name, value)),
    }
}

/// The reasons why settings can't be composed in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// An entry of the allowed hosts breaks their grammar.
    #[error("the allowed host `{entry}` is not valid: {source}")]
    Entry {
        /// The entry, as it was given.
        entry: String,
        /// The problem with it.
        source: EntryError,
    },
    /// A template is malformed.
    #[error("{place} is not valid: {source}")]
    Template {
        /// The place of the template.
        place: String,
        /// The problem with it.
        source: TemplateError,
    },
    /// A template names a variable that the application does not have.
    #[error("{place} uses the variable `{name}`, which the application does not have")]
    UnknownVariable {
        /// The place of the template.
        place: String,
        /// The variable.
        name: String,
    },
    /// The name of a variable breaks the rules.
    #[error(
        "`{name}` is no name of a variable: lower-case letters, digits and single `_` between them"
    )]
    VariableName {
        /// The name, as it was given.
        name: String,
    },
    /// The name of an environment variable breaks the rules.
    #[error(
        "`{name}` is no name of an environment variable: it is empty, or has a `=` or a NUL in it"
    )]
    EnvironmentName {
        /// The name, as it was given.
        name: String,
    },
    /// The value of an environment variable breaks the rules.
    #[error("the value of the environment variable `{name}` has a NUL in it")]
    EnvironmentValue {
        /// The variable's name.
        name: String,
    },
}
