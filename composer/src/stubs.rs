//! Stubs: a component that fills imports which no host of WASI 0.2 has, so that the app can be instantiated. Each of its
//! functions writes its name to standard error, and traps.

mod choose;
mod module;

pub(crate) use choose::{choose, is_stubbable};

use wasmparser::component_types::{ComponentEntityType, ComponentItem};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

use crate::{
    types::Component,
    wire::{Argument, Wiring},
};

/// The interface between the stubs and the component that reports a call of one, the reporter.
const REPORT_WIT: &str = include_str!(concat!(env!("OUT_DIR"), "/stubs.wit"));

/// The reporter's world and its core module.
const REPORTER_WIT: &str = include_str!("stubs/reporter.wit");
const REPORTER: &str = include_str!("stubs/reporter.wat");

pub(crate) const REPORT_INTERFACE: &str = "spin-mqtt:stubs/report@0.1.0";

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Makes the component that exports the imports `names` of `app`, the bytes of a component: interfaces, and functions at the
/// root. Of WASI it imports the interfaces that the reporter calls, and those whose types the stubs use.
///
/// # Errors
///
/// If `app` has imports or exports that WIT can't express.
pub(crate) fn component(
    (app, component): (&[u8], &Component),
    names: &[&str],
) -> Result<Vec<u8>, Error> {
    check_functions(component)?;
    let mut wiring = Wiring::new();
    let stubs = wiring.add(stubs(app, names)?)?;
    let reporter = wiring.add(reporter()?)?;
    wiring.connect(Argument::named(REPORT_INTERFACE, stubs, reporter))?;
    Ok(wiring.finish(stubs)?)
}

/// Checks that no function has the name of an interface, for which wit-parser panics.
fn check_functions(app: &Component) -> Result<(), Error> {
    let is_function = |item: &ComponentItem| matches!(item.ty, ComponentEntityType::Func(_));
    let mut externals = app.externals();
    match externals.find(|(_, name, item)| is_function(item) && name.contains([':', '='])) {
        None => Ok(()),
        Some((_, name, _)) => {
            Err(format!("it has a function by the name of an interface, `{name}`").into())
        }
    }
}

fn stubs(app: &[u8], names: &[&str]) -> Result<Vec<u8>, Error> {
    let DecodedWasm::Component(mut resolve, world) = wit_component::decode(app)? else {
        return Err("it is a package of WIT".into());
    };
    let wanted: Vec<WorldKey> = resolve.worlds[world]
        .imports
        .keys()
        .filter(|key| names.contains(&resolve.name_world_key(key).as_str()))
        .cloned()
        .collect();
    resolve.exportize(world, None, Some(&|key, _| wanted.contains(key)))?;
    import_report(&mut resolve, world)?;
    encode(module::module(&resolve, world), &resolve, world)
}

/// Adds the interface of the reporter to the imports of `world`.
fn import_report(resolve: &mut Resolve, world: WorldId) -> Result<(), Error> {
    let mut names = resolve.package_names.keys();
    if names.any(|name| (&*name.namespace, &*name.name) == ("spin-mqtt", "stubs")) {
        return Err(
            "it has a package `spin-mqtt:stubs`, a name that is reserved for this tool".into(),
        );
    }
    let package = resolve.push_str("stubs.wit", REPORT_WIT)?;
    let id = resolve.packages[package].interfaces["report"];
    let item = WorldItem::Interface {
        id,
        stability: Default::default(),
        external_id: None,
        docs: Default::default(),
        span: Default::default(),
    };
    let imports = &mut resolve.worlds[world].imports;
    imports.insert(WorldKey::Interface(id), item);
    Ok(())
}

fn reporter() -> Result<Vec<u8>, Error> {
    let mut resolve = Resolve::default();
    resolve.push_str("stubs.wit", REPORT_WIT)?;
    let package = resolve.push_str("reporter.wit", REPORTER_WIT)?;
    let world = resolve.select_world(&[package], None)?;
    encode(wat::parse_str(REPORTER)?, &resolve, world)
}

/// The component of a core module for `world`.
fn encode(mut module: Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<Vec<u8>, Error> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)?;
    let component = ComponentEncoder::default()
        // Two versions of an interface stay two, as in the app.
        .merge_imports_based_on_semver(false)
        .module(&module)?
        .encode()?;
    Ok(component)
}
