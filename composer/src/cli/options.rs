//! Options that several commands or files have in common.

use std::path::PathBuf;

use clap::Args;
use spin_mqtt_composer::WasiVersion;

use super::settings::SettingsOptions;

/// The options of plugging, which `compose` and `inspect` share.
#[derive(Debug, Args)]
pub(super) struct PlugOptions {
    /// Use the component in FILE in place of the embedded adapter.
    #[arg(long, value_name = "FILE")]
    pub(super) adapter: Option<PathBuf>,

    /// Let imports stay unresolved that are neither plugged nor in stable WASI 0.2.
    #[arg(long)]
    pub(super) allow_unresolved: bool,

    /// Fill such imports with stubs: a call of one writes the name of the function to standard error, and traps. For apps whose SDK
    /// imports interfaces that they do not use.
    #[arg(long)]
    pub(super) stub_unresolved: bool,

    /// Bring all imports of WASI 0.2 to this version, for hosts that do not match versions: `0.2.x`; `lowest`, the first that has
    /// everything that is used; or `keep`, to leave each at its own.
    #[arg(long, value_name = "VERSION", default_value = "lowest")]
    pub(super) wasi: WasiVersion,
}

#[derive(Debug, Args)]
pub(super) struct ComposeOptions {
    /// The app: a component, or a core module for wasm32-wasip1; binary or text; `-` for the standard input. Or the manifest
    /// of a Spin application, whose name ends in `.toml`, or its folder.
    #[arg(value_name = "APP", required = true)]
    pub(super) app: Option<PathBuf>,

    // Further arguments, for a message about them: clap would take them for a subcommand. Completions would show a doc comment.
    #[arg(hide = true)]
    pub(super) more: Vec<PathBuf>,

    /// The file to write; `-` for the standard output [default: APP with the ending .composed.wasm; with a manifest,
    /// the component's id with this ending, beside the manifest].
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) plug: PlugOptions,

    /// Print no summary, and none of its notes, such as those on secrets in the file.
    #[arg(short, long)]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) manifest: ManifestOptions,

    #[command(flatten)]
    pub(super) settings: SettingsOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "With a manifest")]
pub(super) struct ManifestOptions {
    /// Compose the component ID [default: the only one that imports MQTT].
    #[arg(long, value_name = "ID")]
    pub(super) component: Option<String>,

    /// Take the component from FILE and not from the manifest's `source`.
    #[arg(long, value_name = "FILE")]
    pub(super) source: Option<PathBuf>,

    /// Use the profile NAME of the components that have it: its source, and its environment and dependencies on top.
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,

    /// Compose every component that imports MQTT, into the folder that `-o` names [default: `composed` beside the manifest].
    #[arg(long, conflicts_with_all = ["component", "source"])]
    pub(super) all: bool,
}

impl ManifestOptions {
    /// The first of the options that is given.
    pub(super) fn given(&self) -> Option<&'static str> {
        [
            (self.component.is_some(), "--component"),
            (self.source.is_some(), "--source"),
            (self.profile.is_some(), "--profile"),
            (self.all, "--all"),
        ]
        .into_iter()
        .find_map(|(given, option)| given.then_some(option))
    }
}
