//! What is decided when an app is composed, as the adapter will find it.
//!
//! The adapter imports `spin-mqtt:settings/settings` (wit/settings), and the component that provides it is generated here:
//! a memory that holds the settings as the canonical ABI lays them out, and a function that returns where.

use outbound_hosts::{AllowedHost, EntryError, Template, TemplateError, is_variable_name};
use serde::{Serialize, Serializer};
use thiserror::Error;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

mod layout;

/// The interface that the adapter imports, and that the generated component exports.
pub(crate) const SETTINGS_INTERFACE: &str = "spin-mqtt:settings/settings@0.1.0";

const SETTINGS_WIT: &str = include_str!("../../wit/settings/settings.wit");

/// Exports what the generated component does.
const WORLD: &str = "package spin-mqtt:composed;
world composed { export spin-mqtt:settings/settings@0.1.0; }";

const PAGE: usize = 64 * 1024;

/// What an app may do and is given, decided when it is composed.
///
/// The default decides nothing: whatever the host allows, the app can reach, and it gets what the host gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    allowed_hosts: Option<Vec<String>>,
    variables: Vec<(String, Option<String>)>,
    component_variables: Vec<(String, String)>,
    environment: Vec<(String, String)>,
}

impl Settings {
    /// Settings that decide nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Permits what one of `entries` permits, and nothing else; with no entries nothing at all. An entry is Spin's
    /// `scheme://host[:port]`, with places for [variables](Self::variable).
    pub fn allowed_hosts(mut self, entries: impl IntoIterator<Item = String>) -> Self {
        self.allowed_hosts = Some(entries.into_iter().collect());
        self
    }

    /// Adds a variable of the application, with the value that it has where the environment of the running component has
    /// none for it. `None` leaves it unset there.
    ///
    /// The value stands in the component in clear text, be it secret or not.
    pub fn variable(mut self, name: impl Into<String>, value: Option<String>) -> Self {
        self.variables.push((name.into(), value));
        self
    }

    /// Adds a variable of the component, which it reads through `fermyon:spin/variables`: a template over the
    /// [application's](Self::variable).
    pub fn component_variable(
        mut self,
        name: impl Into<String>,
        template: impl Into<String>,
    ) -> Self {
        self.component_variables
            .push((name.into(), template.into()));
        self
    }

    /// Adds an environment variable, which the app sees where the host gives it none of that name.
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
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

    /// The names of those that have none, and must have one where the app runs.
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

    /// Whether they give the app an environment of its own.
    pub(crate) fn has_environment(&self) -> bool {
        !self.environment.is_empty()
    }

    /// Checks every name, template and entry, so that nothing is composed which would only fail where it runs.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        for (name, _) in &self.variables {
            check_name(name)?;
        }
        for (name, text) in &self.component_variables {
            check_name(name)?;
            let place = || format!("the variable `{name}` of the component");
            self.check_template(text, place)?;
        }
        for entry in self.allowed_hosts.iter().flatten() {
            let template = self.check_template(entry, || format!("the allowed host `{entry}`"))?;
            check_entry(template).map_err(|source| SettingsError::Entry {
                entry: entry.clone(),
                source,
            })?;
        }
        for (name, _) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(SettingsError::EnvironmentName { name: name.clone() });
            }
        }
        Ok(())
    }

    fn check_template<'a>(
        &self,
        text: &'a str,
        place: impl Fn() -> String,
    ) -> Result<Template<'a>, SettingsError> {
        let template = Template::new(text).map_err(|source| SettingsError::Template {
            place: place(),
            source,
        })?;
        let known = |name: &str| self.variables.iter().any(|(own, _)| own == name);
        let unknown = template.variables().find(|name| !known(name));
        match unknown {
            Some(name) => Err(SettingsError::UnknownVariable {
                place: place(),
                name: name.into(),
            }),
            None => Ok(template),
        }
    }

    /// The settings that are inside `component`, a valid component that was composed by this tool; `None` if there are none.
    pub(crate) fn read(component: &[u8]) -> Option<Self> {
        /// What is known of a component so far.
        #[derive(Default)]
        struct Level<'a> {
            data: Option<&'a [u8]>,
            exports_settings: bool,
        }

        let mut levels: Vec<Level<'_>> = Vec::new();
        for payload in Parser::new(0).parse_all(component) {
            match payload.ok()? {
                Payload::Version { .. } => levels.push(Level::default()),
                Payload::DataSection(section) => {
                    let module = levels.last_mut()?;
                    module.data = section.into_iter().next().and_then(Result::ok).map(|it| it.data);
                }
                Payload::ComponentExportSection(section) => {
                    let names = section.into_iter().filter_map(Result::ok);
                    levels.last_mut()?.exports_settings |=
                        names.into_iter().any(|export| export.name.name == SETTINGS_INTERFACE);
                }
                Payload::End(_) => {
                    let level = levels.pop()?;
                    match levels.last_mut() {
                        Some(_) if level.exports_settings => return layout::decode(level.data?),
                        // A module hands its data to the component that it is in.
                        Some(outer) if outer.data.is_none() => outer.data = level.data,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// The component that hands the settings to the adapter.
    ///
    /// # Errors
    ///
    /// wit-component's, of which none is due to the settings: they are nothing but data.
    pub(crate) fn component(&self) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let memory = layout::encode(self);
        let mut resolve = Resolve::default();
        resolve.push_str("settings.wit", SETTINGS_WIT)?;
        let package = resolve.push_str("composed.wit", WORLD)?;
        let world = resolve.select_world(&[package], None)?;
        let mut module = module(&memory);
        wit_component::embed_component_metadata(
            &mut module,
            &resolve,
            world,
            StringEncoding::UTF8,
        )?;
        let mut encoder = ComponentEncoder::default();
        Ok(encoder.module(&module)?.encode()?)
    }
}

/// As `compose inspect --json` prints them: names, and no value of a variable or of the environment, for it may be secret.
impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Public<'a> {
            allowed_hosts: Option<&'a [String]>,
            variables: Vec<&'a str>,
            unset_variables: Vec<&'a str>,
            component_variables: Vec<&'a str>,
            environment: Vec<&'a str>,
        }

        Public {
            allowed_hosts: self.permitted(),
            variables: self.variables().map(|(name, _)| name).collect(),
            unset_variables: self.unset_variables().collect(),
            component_variables: self.component_variables().collect(),
            environment: self.environment_names().collect(),
        }
        .serialize(serializer)
    }
}

fn names(pairs: &[(String, String)]) -> impl Iterator<Item = &str> {
    pairs.iter().map(|(name, _)| name.as_str())
}

/// A module whose memory holds `data` from its start on, and whose one function returns the address 0.
fn module(data: &[u8]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: data.len().div_ceil(PAGE) as u64,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export(
        &format!("{SETTINGS_INTERFACE}#get"),
        ExportKind::Func,
        0,
    );
    exports.export("memory", ExportKind::Memory, 0);
    let mut codes = CodeSection::new();
    let mut get = Function::new([]);
    get.instructions().i32_const(0).end();
    codes.function(&get);
    let mut segments = DataSection::new();
    segments.active(0, &ConstExpr::i32_const(0), data.iter().copied());

    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&memories)
        .section(&exports)
        .section(&codes)
        .section(&segments);
    module.finish()
}

fn check_name(name: &str) -> Result<(), SettingsError> {
    if is_variable_name(name) {
        Ok(())
    } else {
        Err(SettingsError::VariableName { name: name.into() })
    }
}

/// Checks that some values of its variables make `template` an entry: each a name, or each a number, or the last of them a
/// number, as a port is.
fn check_entry(template: Template<'_>) -> Result<(), EntryError> {
    let count = template.variables().count();
    let parse = |number_from: usize| {
        let mut place = 0;
        let filled = template.resolve(|_| {
            place += 1;
            Some(if place > number_from { "1" } else { "x" }.into())
        });
        filled.unwrap_or_default().parse::<AllowedHost>()
    };
    let first = parse(count);
    if first.is_err() && (0..count).any(|names| parse(names).is_ok()) {
        return Ok(());
    }
    first.map(drop)
}

/// Why settings can't be composed in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// An entry of the allowed hosts breaks their grammar.
    #[error("the allowed host `{entry}` is not valid: {source}")]
    Entry {
        /// The entry, as it was given.
        entry: String,
        /// What is wrong with it.
        source: EntryError,
    },
    /// A template is malformed.
    #[error("{place} is not valid: {source}")]
    Template {
        /// Where the template stands.
        place: String,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// A template names a variable that the application does not have.
    #[error("{place} uses the variable `{name}`, which the application does not have")]
    UnknownVariable {
        /// Where the template stands.
        place: String,
        /// The variable.
        name: String,
    },
    /// A variable's name is not one.
    #[error(
        "`{name}` is no name of a variable: lower-case letters, digits and single `_` between them"
    )]
    VariableName {
        /// The name, as it was given.
        name: String,
    },
    /// An environment variable's name is not one.
    #[error("`{name}` is no name of an environment variable: it is empty, or has a `=` in it")]
    EnvironmentName {
        /// The name, as it was given.
        name: String,
    },
}

