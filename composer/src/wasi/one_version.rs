//! One version for all that a composition imports of WASI 0.2.
//!
//! An app stands at the version of the tools that made it, the adapter at 0.2.0, and a host that does not match versions by
//! itself has one. The releases of 0.2 only add, and so one import can feed both, under any version that has all of it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    str::FromStr,
};

use thiserror::Error;
use wasmparser::component_types::{ComponentEntityType, ComponentItem};

use super::releases::{self, ReleaseName, Since};
use crate::types::Component;

/// A choice of the version of WASI 0.2 that the imports of a composition are brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WasiVersion {
    /// The lowest that has everything that the app and the adapter use.
    #[default]
    Lowest,
    /// 0.2.x, with this x.
    Patch(u64),
    /// None: each import keeps its own. Where app and adapter import an interface at two versions, it is the higher one.
    Keep,
}

/// The error for a text that is no [`WasiVersion`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is neither `lowest`, nor `keep`, nor a release of WASI 0.2, such as `0.2.6`")]
pub struct NotAVersion;

impl FromStr for WasiVersion {
    type Err = NotAVersion;

    /// Reads `lowest`, `keep` or `0.2.x`.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        match text {
            "lowest" => return Ok(Self::Lowest),
            "keep" => return Ok(Self::Keep),
            _ => {}
        }
        let version: semver::Version = text.parse().map_err(|_| NotAVersion)?;
        match version == releases::version(version.patch) {
            true => Ok(Self::Patch(version.patch)),
            false => Err(NotAVersion),
        }
    }
}

/// A function or type of WASI that not every release of 0.2 has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WasiItem {
    /// Its interface, such as `wasi:cli/exit`.
    pub interface: String,
    /// Its name.
    pub item: String,
    /// The x of 0.2.x, the first release that has it. Of a draft, or of an item not known here, the x at which it is imported.
    pub patch: u64,
}

impl fmt::Display for WasiItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of `{}`", self.item, self.interface)
    }
}

/// The version of WASI 0.2 that is asked for lacks items that are used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct WasiLacks {
    patch: u64,
    items: Vec<WasiItem>,
}

impl WasiLacks {
    /// The items that the version lacks, in the order of the file; never empty.
    pub fn items(&self) -> &[WasiItem] {
        &self.items
    }
}

impl fmt::Display for WasiLacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = releases::version(self.patch);
        write!(f, "WASI {version} does not have all that is used:")?;
        for item in &self.items {
            let since = releases::version(item.patch);
            write!(f, "\n  {item} is there from {since} on")?;
        }
        Ok(())
    }
}

/// The version that a composition is brought to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OneVersion {
    pub(crate) patch: u64,
    /// The items that no earlier version has.
    pub(crate) reasons: Vec<WasiItem>,
}

impl OneVersion {
    /// Chooses for `imports`, each with its component; `None` if they keep theirs.
    pub(crate) fn choose<'a>(
        asked: WasiVersion,
        imports: impl Iterator<Item = (&'a Component, &'a str, &'a ComponentItem)>,
    ) -> Result<Option<Self>, WasiLacks> {
        let mut items = Vec::new();
        for (component, name, item) in imports {
            later_items(component, name, item, &mut items);
        }
        let lowest = items.iter().map(|item| item.patch).max().unwrap_or(0);
        let patch = match asked {
            WasiVersion::Keep => return Ok(None),
            WasiVersion::Lowest => lowest,
            WasiVersion::Patch(patch) => patch,
        };
        // An app may import an interface at two versions.
        let mut seen = HashSet::new();
        if patch < lowest {
            items.retain(|item| item.patch > patch && seen.insert(item.clone()));
            return Err(WasiLacks { patch, items });
        }
        items.retain(|item| item.patch == patch && seen.insert(item.clone()));
        Ok(Some(Self {
            patch,
            reasons: items,
        }))
    }

    /// Returns the new name of the import `name`; `None` if it keeps its name, as drafts do.
    pub(crate) fn import(&self, name: &str) -> Option<String> {
        let release = ReleaseName::parse(name)?;
        let is_stable = release.interface()?.since != Since::Draft;
        let new = release.at(self.patch);
        (is_stable && new != name).then_some(new)
    }

    /// Returns the new names of those of `exports` that do not keep theirs: the interfaces that hosts call, unless two would get
    /// the same name. Of other interfaces a version may demand more than is there.
    pub(crate) fn exports<'a>(
        &self,
        exports: impl Iterator<Item = &'a str>,
    ) -> HashMap<&'a str, String> {
        let new = |name: &str| {
            let is_called = ReleaseName::parse(name)?.interface()?.exported;
            self.import(name).filter(|_| is_called)
        };
        let mut by_new: HashMap<String, Vec<&str>> = HashMap::new();
        for name in exports {
            let new = new(name).unwrap_or_else(|| name.to_owned());
            by_new.entry(new).or_default().push(name);
        }
        by_new
            .into_iter()
            .filter_map(|(new, names)| match names[..] {
                [name] if name != new => Some((name, new)),
                _ => None,
            })
            .collect()
    }
}

/// Adds to `items` those of the import `name` that WASI 0.2.0 lacks.
fn later_items(component: &Component, name: &str, item: &ComponentItem, items: &mut Vec<WasiItem>) {
    let ComponentEntityType::Instance(id) = item.ty else {
        return;
    };
    let Some(release) = ReleaseName::parse(name) else {
        return;
    };
    let Some(interface) = release
        .interface()
        .filter(|interface| interface.since != Since::Draft)
    else {
        return;
    };
    for name in component.types()[id].exports.keys() {
        let patch = match interface.item(name) {
            Some(Since::Release(patch)) => patch,
            Some(Since::Draft) | None => release.patch,
        };
        let item = WasiItem {
            interface: format!("{}/{}", release.package, release.interface),
            item: name.clone(),
            patch,
        };
        if patch > 0 {
            items.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        asked: WasiVersion,
        imports: &[(&str, &str)],
    ) -> Result<Option<OneVersion>, WasiLacks> {
        let text: String = imports
            .iter()
            .map(|(name, content)| format!("(import \"{name}\" (instance {content}))"))
            .collect();
        let bytes = wat::parse_str(format!("(component {text})")).unwrap();
        let component = Component::parse(&bytes).unwrap();
        OneVersion::choose(
            asked,
            component
                .imports()
                .map(|(name, item)| (&component, name, item)),
        )
    }

    fn lowest(imports: &[(&str, &str)]) -> u64 {
        choose(WasiVersion::Lowest, imports).unwrap().unwrap().patch
    }

    const EXIT_WITH_CODE: &str = r#"(export "exit-with-code" (func (param "status-code" u8)))"#;

    #[test]
    fn the_lowest_is_the_first_that_has_it_all() {
        let exit = r#"(export "exit" (func (param "status" (result))))"#;
        let draft = r#"(export "network-error-code" (func))"#;
        let unknown = r#"(export "fly" (func))"#;
        let headers = r#"(type $t string) (export "field-name" (type (eq $t)))"#;
        for (imports, expected) in [
            (&[][..], 0),
            (
                &[("wasi:cli/exit@0.2.6", exit), ("wasi:io/poll@0.2.99", "")],
                0,
            ),
            (
                &[
                    ("wasi:http/types@0.2.6", headers),
                    ("wasi:cli/exit@0.2.3", exit),
                ],
                1,
            ),
            (&[("wasi:cli/exit@0.2.12", EXIT_WITH_CODE)], 12),
            // Imported at 0.2.3 by a tool that opened its gate.
            (&[("wasi:cli/exit@0.2.3", EXIT_WITH_CODE)], 12),
            (&[("wasi:sockets/network@0.2.4", draft)], 4),
            (
                &[
                    ("wasi:io/poll@0.2.99", unknown),
                    ("wasi:cli/exit@0.2.12", EXIT_WITH_CODE),
                ],
                99,
            ),
            (
                &[
                    ("wasi:io/poll@0.3.0", unknown),
                    ("acme:cat/fly@0.2.5", unknown),
                ],
                0,
            ),
        ] {
            assert_eq!(lowest(imports), expected, "{imports:?}");
        }
    }

    #[test]
    fn what_a_version_lacks_is_named() {
        let imports = [
            ("wasi:cli/exit@0.2.6", EXIT_WITH_CODE),
            ("wasi:cli/exit@0.2.12", EXIT_WITH_CODE),
            (
                "wasi:sockets/network@0.2.11",
                r#"(export "network-error-code" (func))"#,
            ),
        ];
        let asked = |patch| choose(WasiVersion::Patch(patch), &imports);
        let error = asked(11).unwrap_err();
        assert_eq!(
            error.to_string(),
            "WASI 0.2.11 does not have all that is used:\n  `exit-with-code` of `wasi:cli/exit` is there from 0.2.12 on"
        );
        assert_eq!(error.items().len(), 1);
        for patch in [12, 13] {
            assert_eq!(asked(patch).unwrap().unwrap().patch, patch);
        }
        assert_eq!(choose(WasiVersion::Keep, &imports), Ok(None));
    }

    #[test]
    fn names_of_releases_change_and_no_others() {
        let version = OneVersion {
            patch: 6,
            reasons: Vec::new(),
        };
        let import = |name| version.import(name);
        assert_eq!(import("wasi:io/poll@0.2.0").unwrap(), "wasi:io/poll@0.2.6");
        assert_eq!(import("wasi:io/poll@0.2.12").unwrap(), "wasi:io/poll@0.2.6");
        assert_eq!(
            import("wasi:io/poll@0.2.6+x").unwrap(),
            "wasi:io/poll@0.2.6"
        );
        for same in [
            "wasi:io/poll@0.2.6",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.2.0-rc-2023-11-10",
            "wasi:io/cats@0.2.0",
            "wasi:clocks/timezone@0.2.0",
            "wasi:keyvalue/store@0.2.0",
            "fermyon:spin/mqtt@2.0.0",
            "poll",
        ] {
            assert_eq!(import(same), None, "{same}");
        }
        let exports = |names: &[&'static str]| version.exports(names.iter().copied());
        let new = HashMap::from([("wasi:cli/run@0.2.0", "wasi:cli/run@0.2.6".to_owned())]);
        assert_eq!(exports(&["wasi:cli/run@0.2.0", "wasi:io/poll@0.2.0"]), new);
        for other in ["wasi:cli/run@0.2.6", "wasi:cli/run@0.2.7"] {
            assert_eq!(exports(&["wasi:cli/run@0.2.0", other]), HashMap::new());
        }
    }

    #[test]
    fn versions_are_read() {
        for (text, expected) in [
            ("lowest", Ok(WasiVersion::Lowest)),
            ("keep", Ok(WasiVersion::Keep)),
            ("0.2.0", Ok(WasiVersion::Patch(0))),
            ("0.2.12", Ok(WasiVersion::Patch(12))),
            ("0.2", Err(NotAVersion)),
            ("0.3.0", Err(NotAVersion)),
            ("0.2.0-rc-2023-11-10", Err(NotAVersion)),
            ("0.2.0+x", Err(NotAVersion)),
            ("", Err(NotAVersion)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
    }
}
