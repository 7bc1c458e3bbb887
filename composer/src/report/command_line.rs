//! The command lines that run a component.

use std::borrow::Cow;

use serde::Serialize;

use super::{import::Import, requirements::Requirements};
use crate::types::{Component, InterfaceName};

/// The subcommand that runs a component, of `wasmtime` and of `jco`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Runner {
    /// `serve`, for a component that exports `wasi:http/incoming-handler`.
    Serve,
    /// `run`, for one that exports `wasi:cli/run`.
    Run,
}

/// The commands that run a component with all that it requires: `wasmtime`, and `jco` on Node.js, which gives a component all
/// that its own process has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    runner: Runner,
    http: bool,
    network: bool,
    name_lookup: bool,
    /// The environment variables that must be set.
    unset: Vec<String>,
}

impl CommandLine {
    /// The commands for `component`, which has these `requirements`; `None` if it exports nothing that `wasmtime` runs, that is, if
    /// it is a library, or if not every WASI 0.2 host has all of its imports.
    pub(crate) fn of(component: &Component, requirements: &Requirements) -> Option<Self> {
        if Import::all(component)
            .iter()
            .any(|import| !import.provider.is_everywhere())
        {
            return None;
        }
        let exports = |package, interface| {
            component.exports().any(|(name, _)| {
                InterfaceName::parse(name).is_some_and(|name| {
                    (name.package, name.interface) == (package, interface)
                        && name.is_at(2)
                        && name.version.is_some_and(|version| version.pre.is_empty())
                })
            })
        };
        let runner = if exports("wasi:http", "incoming-handler") {
            Runner::Serve
        } else if exports("wasi:cli", "run") {
            Runner::Run
        } else {
            return None;
        };
        let http = component
            .imports()
            .any(|(name, _)| name.starts_with("wasi:http/"));
        let variables = requirements.environment.iter();
        Some(Self {
            runner,
            http,
            network: requirements.brokers || requirements.own_sockets,
            name_lookup: requirements.name_lookup,
            unset: variables
                .filter(|variable| variable.required)
                .map(|variable| variable.name.clone())
                .collect(),
        })
    }

    /// The subcommand.
    pub fn runner(&self) -> Runner {
        self.runner
    }

    /// `wasmtime` and its arguments, for the component in the file `path`. Where a variable must be set, its value is `VALUE`,
    /// to be edited.
    pub fn arguments(&self, path: &str) -> Vec<String> {
        let mut arguments = vec!["wasmtime"];
        match self.runner {
            // `serve` provides wasi:http and little else by default, `-Scli` the rest: environment, files, sockets.
            Runner::Serve => arguments.extend(["serve", "-Scli"]),
            Runner::Run if self.http => arguments.extend(["run", "-Shttp"]),
            Runner::Run => arguments.push("run"),
        }
        if self.network {
            arguments.push("-Sinherit-network");
        }
        if self.name_lookup {
            arguments.push("-Sallow-ip-name-lookup");
        }
        let unset = self.unset.iter();
        let environment = unset.flat_map(|name| ["--env".to_owned(), format!("{name}=VALUE")]);
        arguments
            .into_iter()
            .map(str::to_owned)
            .chain(environment)
            .chain([operand(path)])
            .collect()
    }

    /// `jco` and its arguments, for the same component. `env` gives it the variables that must be set.
    pub fn jco_arguments(&self, path: &str) -> Vec<String> {
        let values = self.unset.iter().map(|name| format!("{name}=VALUE"));
        let values: Vec<String> = values.collect();
        let env = (!values.is_empty()).then(|| "env".to_owned());
        let subcommand = match self.runner {
            Runner::Serve => "serve",
            Runner::Run => "run",
        };
        let jco = ["jco".to_owned(), subcommand.to_owned(), operand(path)];
        env.into_iter().chain(values).chain(jco).collect()
    }

    /// [`arguments`](Self::arguments) as a line for a shell, quoted where necessary.
    pub fn shell(&self, path: &str) -> String {
        line(&self.arguments(path))
    }

    /// [`jco_arguments`](Self::jco_arguments) as a line for a shell, quoted where necessary.
    pub fn jco_shell(&self, path: &str) -> String {
        line(&self.jco_arguments(path))
    }
}

/// The file `path` as an argument that is no option.
fn operand(path: &str) -> String {
    match path.starts_with('-') {
        true => format!("./{path}"),
        false => path.to_owned(),
    }
}

fn line(arguments: &[String]) -> String {
    let words: Vec<_> = arguments.iter().map(|argument| quote(argument)).collect();
    words.join(" ")
}

fn quote(argument: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:@%+,".contains(c);
    match argument.chars().all(plain) && !argument.is_empty() {
        true => argument.into(),
        false => format!("'{}'", argument.replace('\'', r"'\''")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn command(text: &str, settings: &Settings) -> Option<CommandLine> {
        let component = Component::parse(&wat::parse_str(text).unwrap()).unwrap();
        let imports = component.imports().map(|(name, _)| name);
        CommandLine::of(&component, &Requirements::of(imports, Some(settings)))
    }

    fn line(text: &str, path: &str) -> Option<String> {
        command(text, &Settings::new()).map(|line| line.shell(path))
    }

    const RUN: &str = "(instance $i) (export \"wasi:cli/run@0.2.0\" (instance $i))";

    #[test]
    fn exports_decide_on_the_subcommand() {
        let serve =
            "(component (instance $i) (export \"wasi:http/incoming-handler@0.2.3\" (instance $i)))";
        assert_eq!(
            line(serve, "a.wasm").unwrap(),
            "wasmtime serve -Scli -Sinherit-network -Sallow-ip-name-lookup a.wasm"
        );
        assert_eq!(
            line(&format!("(component {RUN})"), "a.wasm").unwrap(),
            "wasmtime run -Sinherit-network -Sallow-ip-name-lookup a.wasm"
        );
        let http =
            format!("(component (import \"wasi:http/outgoing-handler@0.2.0\" (instance)) {RUN})");
        assert_eq!(
            line(&http, "a.wasm").unwrap(),
            "wasmtime run -Shttp -Sinherit-network -Sallow-ip-name-lookup a.wasm"
        );
        assert_eq!(
            line(
                "(component (instance $i) (export \"a:b/c\" (instance $i)))",
                "a.wasm"
            ),
            None
        );
        assert_eq!(
            line(
                "(component (instance $i) (export \"wasi:cli/run@0.3.0\" (instance $i)))",
                "a.wasm"
            ),
            None
        );
    }

    #[test]
    fn what_must_be_set_is_in_the_line() {
        let settings = Settings::new()
            .variable("set", Some("1".into()))
            .variable("unset_one", None);
        let command = command(&format!("(component {RUN})"), &settings).unwrap();
        assert_eq!(
            command.shell("a.wasm"),
            "wasmtime run -Sinherit-network -Sallow-ip-name-lookup --env SPIN_VARIABLE_UNSET_ONE=VALUE a.wasm"
        );
        assert_eq!(
            command.jco_shell("-a.wasm"),
            "env SPIN_VARIABLE_UNSET_ONE=VALUE jco run ./-a.wasm"
        );
    }

    #[test]
    fn no_more_of_the_network_is_in_the_line_than_is_needed() {
        for (allowed, imports, options) in [
            (
                &["mqtt://h"] as &[_],
                "",
                " -Sinherit-network -Sallow-ip-name-lookup",
            ),
            (
                &["mqtt://10.0.0.0/8:*", "mqtt://[::1]"],
                "",
                " -Sinherit-network",
            ),
            (
                &["mqtt://{{ a }}"],
                "",
                " -Sinherit-network -Sallow-ip-name-lookup",
            ),
            (&["mqtt://{{ a }}/8:1883"], "", " -Sinherit-network"),
            (&["https://example.com"], "", ""),
            (&[], "", ""),
            (
                &[],
                "(import \"wasi:sockets/udp@0.2.0\" (instance))",
                " -Sinherit-network",
            ),
        ] {
            let settings = Settings::new()
                .variable("a", Some("1".into()))
                .allowed_hosts(allowed.iter().map(|entry| (*entry).to_owned()));
            let command = command(&format!("(component {imports} {RUN})"), &settings).unwrap();
            let expected = format!("wasmtime run{options} a.wasm");
            assert_eq!(command.shell("a.wasm"), expected, "{allowed:?}");
        }
    }

    #[test]
    fn wasmtime_does_not_run_what_needs_more_than_wasi() {
        let unresolved = "(import \"fermyon:spin/key-value@2.0.0\" (func))";
        assert_eq!(
            line(&format!("(component {unresolved} {RUN})"), "a.wasm"),
            None
        );
    }

    #[test]
    fn paths_survive_the_shell() {
        let component = format!("(component {RUN})");
        let ending = |path| {
            line(&component, path)
                .unwrap()
                .split_once("lookup ")
                .unwrap()
                .1
                .to_owned()
        };
        assert_eq!(
            ending("cat pictures/it's.wasm"),
            r"'cat pictures/it'\''s.wasm'"
        );
        assert_eq!(ending("-x.wasm"), "./-x.wasm");
    }
}
