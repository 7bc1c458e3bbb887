use core::{fmt, net::Ipv6Addr, str::FromStr};

use crate::text::split_at_last;

#[cfg(test)]
mod tests;

/// A text with places for variables: `mqtt://{{ broker }}:1883`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<'a> {
    text: &'a str,
}

/// The most that values may fill a template to, in bytes: many places for a long value would fill the memory.
const MAX_FILLED: usize = 1024 * 1024;

/// The longest value in an entry, in bytes, which is that of the longest host name.
const MAX_ENTRY_VALUE: usize = 253;

/// A piece of a template.
enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
}

impl<'a> Template<'a> {
    /// Checks `text`.
    ///
    /// # Errors
    ///
    /// If a `{{` has no `}}`, or if there is no [name](is_variable_name) between them.
    pub fn new(text: &'a str) -> Result<Self, TemplateError> {
        let template = Self { text };
        template.parts().try_for_each(|part| part.map(drop))?;
        Ok(template)
    }

    /// The names of its variables, in order, as often as they stand in it.
    pub fn variables(&self) -> impl Iterator<Item = &'a str> {
        self.parts().filter_map(|part| match part {
            Ok(Part::Variable(name)) => Some(name),
            _ => None,
        })
    }

    /// Fills each place of the text with the value of its variable.
    ///
    /// # Errors
    ///
    /// If `value` has none for one of them.
    pub fn resolve(
        &self,
        mut value: impl FnMut(&str) -> Option<String>,
    ) -> Result<String, Unresolved<'a>> {
        self.fill(|name| value(name).ok_or(Unresolved::Unset(name)))
    }

    /// Does the same for an entry of `allowed_outbound_hosts`, without the blanks around each value. A value never permits more than
    /// the entry's author meant:
    ///
    /// - Where the scheme stands in the text, a value fills a place but changes no form: it is part of a host name, an IP address
    ///   (IPv6 in brackets) or a number. Where no port follows the place of a host, it may have one.
    /// - Where it does not, as in `{{ url }}`, values bring the scheme and what follows. `is_wide` says of a variable whether
    ///   the manifest's own value of it [has a `*`](has_wildcard) for scheme or host; no other value may have one there.
    ///
    /// An empty result is no entry, and to be skipped, as Spin does.
    ///
    /// # Errors
    ///
    /// If `value` has none for one of the variables, or one that does not fit.
    pub fn resolve_entry(
        &self,
        mut value: impl FnMut(&str) -> Option<String>,
        is_wide: impl Fn(&str) -> bool,
    ) -> Result<String, Unresolved<'a>> {
        let has_scheme = !self.brings_scheme();
        let takes_port = self.ends_with_host();
        let mut left = self.variables().count();
        self.fill(|name| {
            left -= 1;
            let value = value(name).ok_or(Unresolved::Unset(name))?;
            let value = value.trim_ascii();
            let fits = match has_scheme {
                true if takes_port && left == 0 => fits_host_and_port(value),
                true => fits_entry(value),
                false if has_wildcard(value) && !is_wide(name) => {
                    return Err(Unresolved::Wildcard(name));
                }
                false => true,
            };
            match fits {
                true => Ok(value.into()),
                false => Err(Unresolved::Unfit(name)),
            }
        })
        .map(|filled| filled.trim_ascii().into())
    }

    /// Returns true if it has places and no scheme in front of them, as `{{ url }}`: values bring the scheme.
    pub fn brings_scheme(&self) -> bool {
        split_before(self.text, *b"://").is_none() && self.variables().next().is_some()
    }

    /// Returns true if its last place ends a host, and no port follows.
    fn ends_with_host(&self) -> bool {
        let text = self.text.trim_ascii();
        let location = split_before(text.strip_suffix('/').unwrap_or(text), *b"://")
            .and_then(|(_, location)| location.strip_prefix("://"))
            .unwrap_or_default();
        let mut bytes = location.bytes();
        location.ends_with("}}") && bytes.all(|byte| !matches!(byte, b':' | b'/' | b'['))
    }

    fn fill(
        &self,
        mut value: impl FnMut(&'a str) -> Result<String, Unresolved<'a>>,
    ) -> Result<String, Unresolved<'a>> {
        let mut filled = String::with_capacity(self.text.len());
        // `new` has found no error in it.
        for part in self.parts().map_while(Result::ok) {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Variable(name) => {
                    let value = value(name)?;
                    if filled.len() + value.len() > MAX_FILLED {
                        return Err(Unresolved::TooLong(name));
                    }
                    filled.push_str(&value);
                }
            }
        }
        Ok(filled)
    }

    fn parts(&self) -> impl Iterator<Item = Result<Part<'a>, TemplateError>> + use<'a> {
        let mut rest = self.text;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let Some(inside) = rest.strip_prefix("{{") else {
                let (text, behind) = split_before(rest, *b"{{").unwrap_or((rest, ""));
                rest = behind;
                return Some(Ok(Part::Text(text)));
            };
            let Some((name, behind)) = split_before(inside, *b"}}") else {
                rest = "";
                return Some(Err(TemplateError::Unmatched));
            };
            rest = behind.strip_prefix("}}").unwrap_or_default();
            let name = name.trim_ascii();
            Some(if is_variable_name(name) {
                Ok(Part::Variable(name))
            } else {
                Err(TemplateError::Name(name.into()))
            })
        })
    }
}

/// Splits `text` in front of the first `part` in it. (`str::find` weighs 7 KB for more than one character.)
pub(crate) fn split_before<const N: usize>(text: &str, part: [u8; N]) -> Option<(&str, &str)> {
    let at = text.as_bytes().windows(N).position(|some| some == part)?;
    text.split_at_checked(at)
}

/// Returns true if `value` is part of a name or a number, or an IP address.
fn fits_entry(value: &str) -> bool {
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    // Two dots make a range of ports, also where one is the value's and the other the template's.
    let dots_within =
        split_before(value, *b"..").is_none() && !value.starts_with('.') && !value.ends_with('.');
    let ipv6 = value
        .strip_prefix('[')
        .and_then(|value| value.strip_suffix(']'))
        .is_some_and(|value| Ipv6Addr::from_str(value).is_ok());
    (1..=MAX_ENTRY_VALUE).contains(&value.len()) && (plain && dots_within || ipv6)
}

/// Does the same for a value that may end with a port.
fn fits_host_and_port(value: &str) -> bool {
    match split_at_last(value, b':') {
        // A colon inside the brackets of an IPv6 address is not the port's.
        Some((host, port)) if !port.ends_with(']') => {
            fits_entry(host) && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => fits_entry(value),
    }
}

/// Returns true if `value`, an entry or its beginning, has a `*` that is not its port.
pub fn has_wildcard(value: &str) -> bool {
    let value = value.trim_ascii();
    let value = value.strip_suffix('/').unwrap_or(value);
    let value = value.strip_suffix(":*").unwrap_or(value);
    value.bytes().any(|byte| byte == b'*')
}

/// Returns true if `name` can name a variable: lower-case letters, digits and single `_`, from a letter to a letter or digit.
pub fn is_variable_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(inner)
        && !name.ends_with('_')
        && split_before(name, *b"__").is_none()
}

/// The environment variable that gives the application's variable `name` its value: `SPIN_VARIABLE_` and the name in upper
/// case.
pub fn environment_name(name: &str) -> String {
    ["SPIN_VARIABLE_", &name.to_ascii_uppercase()].concat()
}

/// The reasons why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A `{{` without its `}}`.
    Unmatched,
    /// The text between `{{` and `}}` is no name of a variable.
    Name(String),
}

impl TemplateError {
    /// The problem and its remedy.
    pub fn message(&self) -> String {
        match self {
            Self::Unmatched => "a `{{` has no `}}`".into(),
            Self::Name(name) => [
                "`",
                name,
                "` is no name of a variable: lower-case letters, digits and single `_` between them",
            ]
            .concat(),
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl core::error::Error for TemplateError {}

/// The reasons why a template's places could not be filled. They do not name values, which may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved<'a> {
    /// The variable of this name has no value.
    Unset(&'a str),
    /// The value of the variable of this name would change the form of an entry.
    Unfit(&'a str),
    /// The value of the variable of this name has a `*` for the scheme or the host, which the manifest does not have.
    Wildcard(&'a str),
    /// With the value of the variable of this name the text would be longer than 1 MiB.
    TooLong(&'a str),
}

impl Unresolved<'_> {
    /// The problem and its remedy.
    pub fn message(&self) -> String {
        match self {
            Self::Unset(name) => [
                "the variable `",
                name,
                "` is not set: set ",
                &environment_name(name),
                " in the environment",
            ]
            .concat(),
            Self::Unfit(name) => [
                "the value of the variable `",
                name,
                "` is not a host name (in ASCII: xn--…), an IP address or a number",
            ]
            .concat(),
            Self::Wildcard(name) => [
                "the value of the variable `",
                name,
                "` has a `*` for the scheme or the host: only the manifest may permit that",
            ]
            .concat(),
            Self::TooLong(name) => [
                "with the value of the variable `",
                name,
                "` it is longer than 1 MiB",
            ]
            .concat(),
        }
    }
}

impl fmt::Display for Unresolved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl core::error::Error for Unresolved<'_> {}
