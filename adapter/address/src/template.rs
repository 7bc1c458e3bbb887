use core::{fmt, net::Ipv6Addr, str::FromStr};

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
    /// If a `{{` has no `}}`, or what stands between them is no [name](is_variable_name).
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

    /// The text with the value of each variable in its place.
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

    /// The same for an entry of `allowed_outbound_hosts`, where a value fills a place but changes no shape: it is part of a
    /// host name, an IP address (IPv6 in brackets) or a number. A `*`, a `/`, a list or a range of ports in a value would
    /// permit more than the entry's author meant.
    ///
    /// # Errors
    ///
    /// If `value` has none for one of the variables, or one that does not fit.
    pub fn resolve_entry(
        &self,
        mut value: impl FnMut(&str) -> Option<String>,
    ) -> Result<String, Unresolved<'a>> {
        self.fill(|name| {
            let value = value(name).ok_or(Unresolved::Unset(name))?;
            if fits_entry(&value) {
                Ok(value)
            } else {
                Err(Unresolved::Unfit(name))
            }
        })
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

/// Splits `text` in front of the first `pair` in it. (`str::find` weighs 7 KB for more than one character.)
fn split_before(text: &str, pair: [u8; 2]) -> Option<(&str, &str)> {
    let at = text.as_bytes().windows(2).position(|two| two == pair)?;
    text.split_at_checked(at)
}

/// Whether `value` is part of a name or a number, or an IP address.
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

/// Whether `name` can name a variable: lower-case letters, digits and single `_`, from a letter to a letter or digit.
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

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A `{{` without its `}}`.
    Unmatched,
    /// What stands between `{{` and `}}` is no name of a variable.
    Name(String),
}

impl TemplateError {
    /// What is wrong and how to mend it.
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

/// Why a template's places could not be filled. Values are not named, for they may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved<'a> {
    /// The variable of this name has no value.
    Unset(&'a str),
    /// The value of the variable of this name would change the shape of an entry.
    Unfit(&'a str),
    /// With the value of the variable of this name the text would be longer than 1 MiB.
    TooLong(&'a str),
}

impl Unresolved<'_> {
    /// What is wrong and how to mend it.
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
                "` is not a host name, an IP address or a number",
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
