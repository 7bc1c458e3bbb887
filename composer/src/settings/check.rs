//! Checks of settings before they are composed in, so that nothing is made which would only fail where it runs.

use mqtt_address::{AllowedHost, EntryError, Template, Unresolved, is_variable_name};

use super::{Settings, SettingsError};

/// How many variables of one entry are tried as names and as numbers; with more, all are names. A scheme, a network and a
/// range of ports need five.
const MAX_TRIED: usize = 16;

/// An entry of the allowed hosts, and what is known of it when it is composed in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permission<'a> {
    /// The entry, as it was given.
    pub entry: &'a str,
    /// Whether it can permit a broker: its scheme is `*` or one of MQTT. Others are for the host to enforce.
    pub concerns_mqtt: bool,
    /// Whether its scheme is one of MQTT over TLS.
    pub needs_tls: bool,
    /// Whether it can permit a name, which has to be looked up, and not an IP address alone.
    pub needs_lookup: bool,
    /// Why it permits nothing with the values that the variables have now, if so. They are not named, for they may be
    /// secret, and the environment of the running component wins over them.
    pub problem: Option<String>,
}

impl Settings {
    /// The entries of the allowed hosts; `None` if there is no list, which permits everything.
    ///
    /// Entries that break the grammar, which a [`Composer`](crate::Composer) refuses, are left out.
    pub fn permissions(&self) -> Option<Vec<Permission<'_>>> {
        let permissions = self.permitted()?.iter().filter_map(|entry| {
            let template = Template::new(entry).ok()?;
            let shape = placeholder_entry(&template).ok()?;
            let filled = template.resolve_entry(|name| self.value(name).map(str::to_owned));
            let scheme = filled.as_deref().unwrap_or(entry).split_once("://");
            let needs_tls = scheme.is_some_and(|(scheme, _)| {
                let scheme = scheme.trim().to_ascii_lowercase();
                ["mqtts", "ssl"].contains(&scheme.as_str())
            });
            let problem = match filled {
                Ok(filled) => filled
                    .parse::<AllowedHost>()
                    .err()
                    .map(|e| e.message().to_owned()),
                // It gets its value where it runs.
                Err(Unresolved::Unset(_)) => None,
                Err(unfit) => Some(unfit.message()),
            };
            // A scheme with a place in it may become one of ours.
            let scheme_varies = entry
                .split_once("://")
                .is_some_and(|(scheme, _)| scheme.contains("{{"));
            Some(Permission {
                entry,
                concerns_mqtt: scheme_varies || shape.concerns_mqtt(),
                needs_tls,
                needs_lookup: shape.needs_lookup(),
                problem,
            })
        });
        Some(permissions.collect())
    }

    fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.variables.iter().find(|(own, _)| own == name)?;
        value.as_deref()
    }

    /// Checks every name, template and entry.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        for (name, _) in &self.variables {
            check_name(name)?;
        }
        for (name, text) in &self.component_variables {
            check_name(name)?;
            let place = || format!("the variable `{name}` of the component");
            self.check_template(text, place)?;
        }
        for entry in self.allowed_hosts.iter().flatten() {
            let place = || format!("the allowed host `{entry}`");
            let template = self.check_template(entry, place)?;
            placeholder_entry(&template).map_err(|source| SettingsError::Entry {
                entry: entry.clone(),
                source,
            })?;
        }
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(SettingsError::EnvironmentName { name: name.clone() });
            }
            if value.contains('\0') {
                return Err(SettingsError::EnvironmentValue { name: name.clone() });
            }
        }
        Ok(())
    }

    fn check_template<'a>(
        &self,
        text: &'a str,
        place: impl Fn() -> String,
    ) -> Result<Template<'a>, SettingsError> {
        let template = Template::new(text).map_err(|source| SettingsError::Template {
            place: place(),
            source,
        })?;
        let known = |name: &str| self.variables.iter().any(|(own, _)| own == name);
        let unknown = template.variables().find(|name| !known(name));
        match unknown {
            Some(name) => Err(SettingsError::UnknownVariable {
                place: place(),
                name: name.into(),
            }),
            None => Ok(template),
        }
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), SettingsError> {
    if is_variable_name(name) {
        Ok(())
    } else {
        Err(SettingsError::VariableName { name: name.into() })
    }
}

/// The entry that `template` makes with some values of its variables: names, then an IP address, then numbers, any of which
/// may be missing, for in this order an entry has them.
///
/// # Errors
///
/// What is wrong with the entry of names alone, if there are no such values.
fn placeholder_entry(template: &Template<'_>) -> Result<AllowedHost, EntryError> {
    let count = template.variables().take(MAX_TRIED + 1).count();
    if count == 0 {
        // `resolve` leaves a text without variables as it is.
        return template.resolve(|_| None).unwrap_or_default().parse();
    }
    let parse = |names: usize, ip: Option<&str>, last: &str| {
        let mut place = 0;
        let filled = template.resolve_entry(|_| {
            place += 1;
            let value = match (place, ip) {
                // A scheme with a port of its own, and a host's name as well as any.
                (place, _) if place <= names => "mqtt",
                (place, Some(ip)) if place == names + 1 => ip,
                // The end of a range of ports, which must be above its start.
                (place, _) if place == count => last,
                _ => "1",
            };
            Some(value.to_owned())
        });
        filled.unwrap_or_default().parse::<AllowedHost>()
    };
    let names_alone = parse(usize::MAX, None, "");
    if names_alone.is_ok() || count > MAX_TRIED {
        return names_alone;
    }
    let mut tries = (0..=count).rev().flat_map(|names| {
        [None, Some("127.0.0.1"), Some("[::1]")]
            .into_iter()
            .flat_map(move |ip| ["1", "65535"].map(|last| (names, ip, last)))
    });
    let found = tries.find_map(|(names, ip, last)| parse(names, ip, last).ok());
    found.map_or(names_alone, Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLES: [&str; 10] = [
        "broker", "port", "scheme", "domain", "ip", "prefix", "first", "last", "env", "a",
    ];

    fn check(entry: &str) -> Result<(), SettingsError> {
        VARIABLES
            .iter()
            .fold(Settings::new(), |settings, name| {
                settings.variable(*name, None)
            })
            .allowed_hosts([entry.to_owned()])
            .check()
    }

    #[test]
    fn templates_that_some_values_make_an_entry_are_taken() {
        for entry in [
            "mqtt://{{ broker }}",
            "mqtt://{{ broker }}:1883",
            "mqtt://{{broker}}:{{port}}",
            " mqtt://{{ broker }}:{{ port }}/ ",
            "mqtt://{{ broker }}:*",
            "mqtt://{{ broker }}.{{ env }}.example.com",
            "mqtt://broker-{{ env }}.example.com",
            "{{ scheme }}://h:1",
            "{{ scheme }}://{{ broker }}:{{ port }}",
            "{{ scheme }}://{{ broker }}",
            "*://{{ broker }}:{{ port }}",
            "mqtt://*.{{ domain }}",
            "mqtt://h:{{ first }}..{{ last }}",
            "mqtt://h:{{ first }}..2000",
            "mqtt://h:1000..{{ last }}",
            "mqtt://h:18{{ port }}",
            "mqtt://{{ ip }}/8",
            "mqtt://{{ ip }}/8:1883",
            "mqtt://{{ ip }}/{{ prefix }}:{{ port }}",
            "{{ scheme }}://{{ ip }}/{{ prefix }}:{{ first }}..{{ last }}",
            "mqtt://10.0.{{ a }}.0/24",
            "mqtt://{{ a }}.{{ a }}.{{ a }}.{{ a }}/{{ prefix }}",
            "mqtt://[::{{ a }}]:1883",
            "http://{{ broker }}",
        ] {
            assert!(check(entry).is_ok(), "{entry}: {:?}", check(entry));
        }
    }

    #[test]
    fn templates_that_no_values_make_an_entry_are_refused() {
        for entry in [
            "{{ broker }}",
            "{{ broker }}:1883",
            "mqtt://{{ broker }}/path",
            "mqtt://{{ broker }}/{{ a }}/8",
            "mqtt://user@{{ broker }}",
            "mqtt://{{ broker }}:65536{{ port }}",
            "mqtt://{{ broker }}:port{{ port }}",
            "mqtt://{{ broker }} {{ port }}",
            "mqtt://a.*.{{ domain }}",
            "mqtt://*{{ domain }}",
            "mqtt://[{{ ip }}]:1883",
            "*://{{ broker }}",
            "ftp://{{ broker }}",
            "mqtt:{{ broker }}",
            "mqtt://{ {{ broker }} }",
        ] {
            let refused = matches!(check(entry), Err(SettingsError::Entry { .. }));
            assert!(refused, "{entry}: {:?}", check(entry));
        }
    }

    #[test]
    fn templates_that_are_none_are_refused() {
        for entry in ["mqtt://{{ broker", "mqtt://{{ Broker }}", "mqtt://{{}}"] {
            let refused = matches!(check(entry), Err(SettingsError::Template { .. }));
            assert!(refused, "{entry}: {:?}", check(entry));
        }
        assert!(matches!(
            check("mqtt://{{ brokr }}"),
            Err(SettingsError::UnknownVariable { name, .. }) if name == "brokr"
        ));
    }

    /// A manifest is someone else's text, and its size is all that is bounded.
    #[test]
    fn an_entry_of_many_variables_takes_no_time() {
        let entry = format!("mqtt://{}/path", "{{ a }}".repeat(100_000));
        assert!(check(&entry).is_err());
    }

    #[test]
    fn names_and_values_are_checked() {
        assert!(Settings::new().variable("a__b", None).check().is_err());
        assert!(Settings::new().component_variable("A", "").check().is_err());
        for (name, value) in [("", ""), ("A=B", ""), ("A\0", ""), ("A", "\0")] {
            assert!(Settings::new().environment(name, value).check().is_err());
        }
        assert!(Settings::new().environment("a.b-C", "=").check().is_ok());
    }

    #[test]
    fn permissions_say_what_is_known() {
        let settings = Settings::new()
            .variable("unset", None)
            .variable("list", Some("a,b".into()))
            .variable("fine", Some("mq.example.com".into()))
            .allowed_hosts(
                [
                    "mqtt://{{ unset }}",
                    "mqtt://{{ list }}",
                    "mqtt://{{ fine }}",
                    "{{ fine }}://h:1",
                    "https://{{ fine }}",
                    "*://*:*",
                ]
                .map(String::from),
            );
        let permissions = settings.permissions().unwrap();
        let known: Vec<_> = permissions
            .iter()
            .map(|it| (it.concerns_mqtt, it.problem.is_some()))
            .collect();
        assert_eq!(
            known,
            [
                (true, false),
                (true, true),
                (true, false),
                (true, true),
                (false, false),
                (true, false)
            ]
        );
        let tls = Settings::new()
            .variable("scheme", Some("ssl".into()))
            .allowed_hosts(
                ["mqtts://h", "{{ scheme }}://h:1", "mqtt://h", "*://h:1"].map(String::from),
            );
        let needs_tls: Vec<_> = tls
            .permissions()
            .unwrap()
            .iter()
            .map(|it| it.needs_tls)
            .collect();
        assert_eq!(needs_tls, [true, true, false, false]);
        assert_eq!(Settings::new().permissions(), None);
        assert_eq!(
            Settings::new().allowed_hosts([]).permissions(),
            Some(Vec::new())
        );
    }
}
