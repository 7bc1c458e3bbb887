//! The language that an app is written in, for advice about its SDK.

use wasm_metadata::{Payload, Producers};

/// A language that Spin has an SDK for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Language {
    /// Rust: the crate `spin-sdk`.
    Rust,
    /// Python: the package `spin-sdk` of PyPI, and componentize-py.
    Python,
    /// Go: the module `spin-go-sdk`.
    Go,
    /// JavaScript: the package `@spinframework/spin-mqtt`, and ComponentizeJS.
    JavaScript,
}

impl Language {
    /// The language of the app in `bytes`, a component, as the tools that made it have written into it or into a part of it.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let mut found = Vec::new();
        collect(&Payload::from_binary(bytes).ok()?, &mut found);
        // An engine for Python or JavaScript is written in C or Rust, and Go and Rust have no engine.
        [Self::Python, Self::JavaScript, Self::Go, Self::Rust]
            .into_iter()
            .find(|language| found.contains(language))
    }

    /// The versions of its SDK with the async interface, for a message.
    pub(super) fn newer(language: Option<Self>) -> &'static str {
        match language {
            Some(Self::Rust) => " (for Rust: spin-sdk 6 and later)",
            Some(Self::Python) => " (for Python: spin-sdk 4 and later)",
            Some(Self::Go) => " (for Go: spin-go-sdk 3 and later)",
            Some(Self::JavaScript) => "",
            None => " (spin-sdk 6 and later for Rust, 4 and later for Python)",
        }
    }
}

fn collect(payload: &Payload, found: &mut Vec<Language>) {
    if let Some(producers) = &payload.metadata().producers {
        found.extend(written(producers));
    }
    if let Payload::Component { children, .. } = payload {
        children.iter().for_each(|child| collect(child, found));
    }
}

fn written(producers: &Producers) -> Option<Language> {
    let has = |field, name| {
        producers
            .get(field)
            .is_some_and(|it| it.get(name).is_some())
    };
    let is = |language, tool| has("language", language) || has("processed-by", tool);
    if is("Python", "componentize-py") {
        Some(Language::Python)
    } else if is("JavaScript", "ComponentizeJS") {
        Some(Language::JavaScript)
    } else if is("Go", "TinyGo") || has("processed-by", "Go cmd/compile") {
        Some(Language::Go)
    } else if has("language", "Rust") {
        Some(Language::Rust)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_in_any_part() {
        for (text, language) in [
            (
                r#"(core module (@producers (language "Rust" "")))"#,
                Some(Language::Rust),
            ),
            (
                r#"(component (core module (@producers (language "Go" "1.27"))))"#,
                Some(Language::Go),
            ),
            (
                r#"(core module (@producers (processed-by "TinyGo" "0.39")))"#,
                Some(Language::Go),
            ),
            // CPython in C, and what makes a component of it in Rust.
            (
                r#"(core module (@producers (language "Rust" "") (processed-by "rustc" "1.95")))
                   (core module (@producers (language "C11" "")))
                   (component (core module (@producers (processed-by "componentize-py" "0.17"))))"#,
                Some(Language::Python),
            ),
            (
                r#"(core module (@producers (language "JavaScript" "") (processed-by "ComponentizeJS" "0.18")))"#,
                Some(Language::JavaScript),
            ),
            (r#"(core module (@producers (language "C11" "")))"#, None),
            ("", None),
        ] {
            let bytes = wat::parse_str(format!("(component {text})")).unwrap();
            assert_eq!(Language::of(&bytes), language, "{text}");
        }
    }
}
