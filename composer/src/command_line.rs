//! How to run a component.

use std::borrow::Cow;

use serde::Serialize;

use crate::{component::Component, names::InterfaceName};

/// The `wasmtime` subcommand that runs a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Runner {
    /// `wasmtime serve`, for a component that exports `wasi:http/incoming-handler`.
    Serve,
    /// `wasmtime run`, for one that exports `wasi:cli/run`.
    Run,
}

/// How `wasmtime` runs a component, with all that it imports, and with it the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLine {
    runner: Runner,
    http: bool,
}

impl CommandLine {
    /// How to run `component`; `None` if it exports nothing that `wasmtime` runs, that is, if it is a library.
    pub(crate) fn of(component: &Component) -> Option<Self> {
        let exports = |package, interface| {
            component.exports().any(|(name, _)| {
                InterfaceName::parse(name).is_some_and(|name| {
                    (name.package, name.interface) == (package, interface)
                        && name
                            .semver()
                            .is_some_and(|version| (version.major, version.minor) == (0, 2))
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
        Some(Self { runner, http })
    }

    /// The subcommand.
    pub fn runner(&self) -> Runner {
        self.runner
    }

    /// The program and its arguments, for the component in the file `path`.
    pub fn arguments(&self, path: &str) -> Vec<String> {
        let mut arguments = vec!["wasmtime"];
        match self.runner {
            // `serve` provides wasi:http and little else by default, `-Scli` the rest: environment, files, sockets.
            Runner::Serve => arguments.extend(["serve", "-Scli"]),
            Runner::Run if self.http => arguments.extend(["run", "-Shttp"]),
            Runner::Run => arguments.push("run"),
        }
        arguments.extend(["-Sinherit-network", "-Sallow-ip-name-lookup"]);
        let path = match path.starts_with('-') {
            true => format!("./{path}"),
            false => path.to_owned(),
        };
        arguments
            .into_iter()
            .map(str::to_owned)
            .chain([path])
            .collect()
    }

    /// The same as a line for a shell, with what needs it in quotes.
    pub fn shell(&self, path: &str) -> String {
        let arguments = self.arguments(path);
        let words: Vec<_> = arguments.iter().map(|argument| quote(argument)).collect();
        words.join(" ")
    }
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
    use crate::component::decode;

    fn line(text: &str, path: &str) -> Option<String> {
        let component = Component::parse(decode(text.as_bytes()).unwrap().0.into_owned()).unwrap();
        CommandLine::of(&component).map(|line| line.shell(path))
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
