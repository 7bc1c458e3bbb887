//! `compose app.wasm` and `compose spin.toml`: the composition.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{
    input, manifest,
    options::ComposeOptions,
    output::{self, check_output, default_output},
    settings::configured,
    summary::Summary,
    usage::Usage,
};

pub(super) fn run(options: &ComposeOptions) -> Result<()> {
    let app = options.app.as_deref().context("no app is given")?;
    if let Some(more) = options.more.first() {
        let more = more.display();
        bail!(Usage(format!(
            "one app at a time: `{more}` is one too many"
        )));
    }
    let in_folder = app.is_dir().then(|| app.join("spin.toml"));
    if let Some(manifest) = &in_folder
        && !manifest.exists()
    {
        let folder = app.display();
        bail!("`{folder}` is a folder without a spin.toml: give an app or a manifest");
    }
    let app = in_folder.as_deref().unwrap_or(app);
    if input::is_manifest(app) {
        return manifest::run(app, options);
    }
    if let Some(option) = options.manifest.given() {
        let app = app.display();
        bail!(Usage(format!(
            "{option} chooses from a manifest, whose name ends in `.toml`, and `{app}` is an app"
        )));
    }
    run_app(app, options)
}

fn run_app(app: &Path, options: &ComposeOptions) -> Result<()> {
    let settings = options.settings.settings()?;
    let output = match &options.output {
        Some(output) => output.clone(),
        None if input::is_standard(app) => {
            bail!("the app comes from the standard input: name a file with `-o`")
        }
        None => default_output(app),
    };
    let bytes = input::read(app)?;
    input::check_no_manifest(app, &bytes)?;
    let app_size = bytes.len();
    check_output(&output, [Some(app), options.plug.adapter.as_deref()])?;
    let composition = configured(input::composer(&options.plug)?, settings)?
        .compose(bytes)
        .map_err(|error| error.in_file(app))
        .with_context(|| format!("cannot compose `{}`", app.display()))?;
    output::write(&output, composition.component())?;
    if !options.quiet {
        let summary = Summary {
            composition: &composition,
            dependencies: &[],
            app,
            app_size,
            output: &output,
            manifest: None,
        };
        summary.print();
    }
    Ok(())
}
