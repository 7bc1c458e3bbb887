//! The options of the settings: permissions, variables, environment, client ids, reuse of connections.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use mqtt_address::is_variable_name;
use spin_mqtt_composer::{Composer, Settings, SettingsError};

use super::{input, usage::Usage};

#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct SettingsOptions {
    /// Let the app reach the brokers that ENTRY names (scheme://host:port) and no others; repeatable. It does not govern the hosts
    /// that the app reaches without the adapter: by wasi:http, or by sockets of its own.
    #[arg(long, value_name = "ENTRY")]
    allow_host: Vec<String>,

    /// Let the app reach no broker.
    #[arg(long, conflicts_with = "allow_host")]
    deny_all: bool,

    #[command(flatten)]
    values: Values,

    /// Add a random suffix to each client id that the app gives: `cats` becomes `cats-7f3k…`. A broker lets a client id connect
    /// once, so that instances of an app with a fixed one throw each other out. It is best to give no id where none is needed:
    /// each connection then has its own. This is for brokers whose rules go by how the id begins; not for those that know a
    /// client by the whole of it, nor for `clean_session=false`, with which each suffix leaves a session behind.
    #[arg(long)]
    unique_client_id: bool,

    /// Close each connection when the app drops it. Otherwise an instance that has opened the same broker more than once keeps
    /// its connection, so that the next `open` takes no round trip; a host that reuses instances gains by it (wasmtime:
    /// --max-instance-reuse-count).
    #[arg(long)]
    no_reuse: bool,

    /// Wait for the broker's CONNACK before the first message, which otherwise leaves together with CONNECT: one round trip more.
    /// For brokers that take nothing before their CONNACK. An instance that finds such a broker by itself waits from then on;
    /// `early_publish=false` in an address is the same for that address.
    #[arg(long)]
    no_early_publish: bool,
}

/// The options that a manifest does not replace.
#[derive(Debug, Args)]
struct Values {
    /// Give the variable NAME a value, which SPIN_VARIABLE_NAME in the environment of the running app overrides; without one,
    /// that must be set; `@FILE` for VALUE is what the file holds, and `@FILE` alone, a table in `.toml` or `.json`, gives
    /// several; repeatable.
    #[arg(long, value_name = "NAME[=VALUE]")]
    variable: Vec<String>,

    /// Show the app an environment variable where the host gives it none of that name; repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
}

impl SettingsOptions {
    /// The option that sets permissions, if one is given.
    pub(super) fn permission(&self) -> Option<&'static str> {
        match (self.deny_all, self.allow_host.is_empty()) {
            (true, _) => Some("--deny-all"),
            (false, false) => Some("--allow-host"),
            (false, true) => None,
        }
    }

    /// The names and values of `--variable` with a manifest, which declares the variables, so that each needs a value.
    pub(super) fn values(&self) -> Result<Vec<(String, String)>> {
        let mut values = Vec::new();
        for text in &self.values.variable {
            match text.strip_prefix('@') {
                Some(file) => values.extend(variables_of(file)?),
                None => {
                    let pair = pairs("--variable", std::slice::from_ref(text))?;
                    for (name, value) in pair {
                        let value = value_of(&name, value)?;
                        values.push((name, value));
                    }
                }
            }
        }
        Ok(values)
    }

    /// The names and values of `--variable` without a manifest. One without a value is declared, and gets a value where the app
    /// runs.
    fn variables(&self) -> Result<Vec<(String, Option<String>)>> {
        let mut variables = Vec::new();
        for text in &self.values.variable {
            match (text.strip_prefix('@'), text.split_once('=')) {
                (Some(file), _) => {
                    let values = variables_of(file)?.into_iter();
                    variables.extend(values.map(|(name, value)| (name, Some(value))));
                }
                (None, Some((name, value))) if !name.is_empty() => {
                    let value = value_of(name, value.to_owned())?;
                    variables.push((name.to_owned(), Some(value)));
                }
                // Any other text may be a secret, as in `pairs`.
                (None, None) if is_variable_name(text) => variables.push((text.clone(), None)),
                _ => {
                    let message = "a value of --variable is not of the form NAME[=VALUE]";
                    bail!(Usage(message.to_owned()))
                }
            }
        }
        Ok(variables)
    }

    /// The names and values of `--env`.
    fn environment(&self) -> Result<Vec<(String, String)>> {
        let pairs = pairs("--env", &self.values.env)?;
        if let Some(problem) = pairs.iter().find_map(|(name, _)| of_host(name)) {
            bail!(Usage(problem));
        }
        Ok(pairs)
    }

    /// The settings of an app without a manifest: a variable is the application's, and under the same name the component's.
    pub(super) fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::new();
        if self.permission().is_some() {
            settings = settings.allowed_hosts(self.allow_host.iter().cloned());
        }
        for (name, value) in self.variables()? {
            let template = format!("{{{{ {name} }}}}");
            settings = settings
                .variable(&name, value)
                .component_variable(name, template);
        }
        self.add_to(settings)
    }

    /// Adds the options that go with a manifest as well: the environment, which overrides the manifest's, client ids, reuse and early publishing.
    pub(super) fn add_to(&self, settings: Settings) -> Result<Settings> {
        let settings = self
            .environment()?
            .into_iter()
            .fold(settings, |settings, (name, value)| {
                settings.environment(name, value)
            })
            .unique_client_id(self.unique_client_id)
            .close_on_drop(self.no_reuse)
            .late_publish(self.no_early_publish);
        Ok(settings)
    }
}

/// The reason why the environment variable `name` has no effect when it is composed in, if it is one that gives a variable its
/// value: the adapter asks the host for those.
pub(super) fn of_host(name: &str) -> Option<String> {
    let variable = name.strip_prefix("SPIN_VARIABLE_")?.to_ascii_lowercase();
    Some(format!(
        "{name} is read from the host's environment where the app runs: give it to the host, or `--variable {variable}=…` here"
    ))
}

/// A composer with the settings of the options, for an app without a manifest.
pub(super) fn configured(composer: Composer, settings: Settings) -> Result<Composer> {
    composer.settings(settings).map_err(|error| match &error {
        SettingsError::UnknownVariable { place, name } => {
            anyhow!("{place} uses the variable `{name}`, which is not given: add `--variable {name}[=VALUE]`")
        }
        _ => error.into(),
    })
}

/// The value of the variable `name`, as it was given: what a file holds, for `@FILE`.
fn value_of(name: &str, value: String) -> Result<String> {
    let Some(file) = value.strip_prefix('@') else {
        return Ok(value);
    };
    let text = input::read_text(Path::new(file));
    text.with_context(|| format!("the variable `{name}` has no value"))
}

/// The variables and their values in `file`.
fn variables_of(file: &str) -> Result<BTreeMap<String, String>> {
    let path = Path::new(file);
    let ending = path.extension().and_then(OsStr::to_str);
    if !matches!(ending, Some("toml" | "json")) {
        bail!(Usage(format!(
            "the file of --variable @{file} is neither a `.toml` nor a `.json`: for one value, give `NAME=@{file}`"
        )));
    }
    let text = input::read_text(path)?;
    // The errors of the parsers would quote values, which may be secret.
    let values = match ending {
        Some("toml") => toml::from_str(&text).ok(),
        _ => serde_json::from_str(&text).ok(),
    };
    values.with_context(|| {
        format!("`{file}` is not a table of variables and their values, all texts")
    })
}

/// Takes each `NAME=VALUE` apart. A text of another form is not shown, for it may be a misplaced secret.
fn pairs(option: &str, texts: &[String]) -> Result<Vec<(String, String)>> {
    texts
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => bail!(Usage(format!(
                "a value of {option} is not of the form NAME=VALUE"
            ))),
        })
        .collect()
}
