//! Checks of settings before they are composed in, so that no mistake in them shows only where the app runs.

use mqtt_address::{AllowedHost, EntryError, Template, Unresolved, has_wildcard, is_variable_name};

use super::{Settings, SettingsError};

/// The most variables of one entry that are tried as names and as numbers; with more, all are names. A scheme, a network and
/// a range of ports need five.
const MAX_TRIED: usize = 16;

/// An entry of the allowed hosts, with the facts that are known when it is composed in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permission<'a> {
    /// The entry, as it was given.
    pub entry: &'a str,
    /// True if it can permit a broker: its scheme is `*` or one of MQTT, where a variable brings it with its present value, and its
    /// host is not the application itself. Others are for the host to enforce.
    pub concerns_mqtt: bool,
    /// True if its scheme is one of MQTT over TLS.
    pub needs_tls: bool,
    /// True if it can permit a name, which has to be looked up, and not only an IP address.
    pub needs_lookup: bool,
    /// The reason, if it permits nothing with the present values of the variables. It does not name the values, which may be
    /// secret, and which the environment of the running component overrides.
    pub problem: Option<String>,
}

impl Settings {
    /// The entries of the allowed hosts; `None` if there is no list, which permits everything.
    ///
    /// Entries that break the grammar, which a [`Composer`](crate::Composer) refuses if they are about brokers, permit nothing.
    pub fn permissions(&self) -> Option<Vec<Permission<'_>>> {
        let permissions = self.permitted()?.iter();
        Some(permissions.map(|entry| self.permission(entry)).collect())
    }

    fn permission<'a>(&self, entry: &'a str) -> Permission<'a> {
        let mut permission = Permission {
            entry,
            concerns_mqtt: false,
            needs_tls: false,
            needs_lookup: false,
            problem: None,
        };
        if !AllowedHost::may_concern_mqtt(entry) {
            let is_upper = AllowedHost::may_concern_mqtt(&entry.to_ascii_lowercase());
            permission.problem = is_upper.then(|| {
                "its scheme is compared as it is written: write it in lower case".to_owned()
            });
            return permission;
        }
        let template = match Template::new(entry) {
            Ok(template) => template,
            Err(error) => {
                permission.problem = Some(error.message());
                return permission;
            }
        };
        let is_wide = |name: &str| self.value(name).is_some_and(has_wildcard);
        let filled = template.resolve_entry(|name| self.value(name).map(str::to_owned), is_wide);
        let parsed = match &filled {
            Ok(filled) if filled.is_empty() => {
                permission.problem = Some("it is empty, and skipped".to_owned());
                return permission;
            }
            Ok(filled) if !AllowedHost::may_concern_mqtt(filled) && template.brings_scheme() => {
                return permission;
            }
            Ok(filled) => filled
                .parse::<AllowedHost>()
                .map_err(|e| Some(e.message().to_owned())),
            // The variable gets its value where the app runs.
            Err(Unresolved::Unset(_)) => Err(None),
            Err(unfit) => Err(Some(unfit.message())),
        };
        let scheme = filled.as_deref().unwrap_or(entry).split_once("://");
        permission.needs_tls =
            scheme.is_some_and(|(scheme, _)| ["mqtts", "ssl"].contains(&scheme.trim()));
        // A scheme with a place in it may become one of MQTT.
        let scheme_varies = template.brings_scheme()
            || entry
                .split_once("://")
                .is_some_and(|(scheme, _)| scheme.contains("{{"));
        let placeholder = placeholder_entry(&template).ok();
        let concerns_mqtt = placeholder.as_ref().is_some_and(AllowedHost::concerns_mqtt);
        permission.concerns_mqtt = scheme_varies || concerns_mqtt;
        permission.needs_lookup = placeholder.is_some_and(|entry| entry.needs_lookup());
        match parsed {
            Ok(entry) if !entry.has_ports() => {
                permission.concerns_mqtt = scheme_varies || template.variables().next().is_some();
                permission.problem = Some("its range of ports is empty".to_owned());
            }
            Ok(_) => {}
            Err(problem) => permission.problem = problem,
        }
        permission
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
        let entries = self.allowed_hosts.iter().flatten();
        // The host enforces the others, and knows what is wrong with them.
        for entry in entries.filter(|entry| AllowedHost::may_concern_mqtt(entry)) {
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

/// The entry that `template` makes with some values of its variables: a scheme with a host where it has none, then names, then
/// an IP address, then numbers, any of which may be missing, for in this order an entry has them.
///
/// # Errors
///
/// The problem with the entry of names alone, if there are no such values.
fn placeholder_entry(template: &Template<'_>) -> Result<AllowedHost, EntryError> {
    let count = template.variables().take(MAX_TRIED + 1).count();
    if count == 0 {
        // `resolve` leaves a text without variables as it is.
        return template.resolve(|_| None).unwrap_or_default().parse();
    }
    let parse = |Values {
                     first,
                     names,
                     ip,
                     last,
                 }: Values| {
        let mut place = 0;
        let value = |_: &str| {
            place += 1;
            let value = match (place, ip) {
                (1, _) if !first.is_empty() => first,
                // The end of a range of ports, which must be above its start, or a host with its port.
                (place, _) if place == count && !last.is_empty() => last,
                // A scheme with a port of its own, and a host's name as well as any.
                (place, _) if place <= names => "mqtt",
                (place, Some(ip)) if place == names + 1 => ip,
                _ => "1",
            };
            Some(value.to_owned())
        };
        let filled = template.resolve_entry(value, |_| false);
        filled.unwrap_or_default().parse::<AllowedHost>()
    };
    let names_alone = Values {
        first: "",
        names: usize::MAX,
        ip: None,
        last: "",
    };
    let of_names = parse(names_alone);
    if of_names.is_ok() || count > MAX_TRIED {
        return of_names;
    }
    let firsts: &[_] = match template.brings_scheme() {
        true => &["mqtt://mqtt", "mqtt://mqtt:1", "mqtt", "mqtt:"],
        false => &[""],
    };
    let mut tries = (0..=count).rev().flat_map(|names| {
        let ips = [None, Some("127.0.0.1"), Some("[::1]")].into_iter();
        ips.flat_map(move |ip| {
            ["", "65535", "mqtt:1"].into_iter().flat_map(move |last| {
                let values = move |first: &&'static str| Values {
                    first,
                    names,
                    ip,
                    last,
                };
                firsts.iter().map(values)
            })
        })
    });
    let found = tries.find_map(|values| parse(values).ok());
    found.map_or(of_names, Ok)
}

/// Values of the variables of a template, in the order of their places.
#[derive(Clone, Copy)]
struct Values {
    /// The first one, unless empty.
    first: &'static str,
    /// How many are names.
    names: usize,
    /// The one after them, if it is an address.
    ip: Option<&'static str>,
    /// The last one, unless empty. All others are numbers.
    last: &'static str,
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
            "*://{{ broker }}",
            "ssl://{{ broker }}",
            "*://*.{{ domain }}",
            "{{ broker }}",
            " {{ broker }} ",
            "{{ broker }}:1883",
            "{{ broker }}:{{ port }}",
            "{{ scheme }}{{ broker }}",
            "{{ scheme }}//{{ broker }}:{{ port }}",
        ] {
            assert!(check(entry).is_ok(), "{entry}: {:?}", check(entry));
        }
    }

    #[test]
    fn templates_that_no_values_make_an_entry_are_refused() {
        for entry in [
            "{{ broker }}/path",
            "user@{{ broker }}",
            "mqtt://{{ broker }}/path",
            "mqtt://{{ broker }}/{{ a }}/8",
            "mqtt://user@{{ broker }}",
            "mqtt://{{ broker }}:65536{{ port }}",
            "mqtt://{{ broker }}:port{{ port }}",
            "mqtt://{{ broker }} {{ port }}",
            "mqtt://a.*.{{ domain }}",
            "mqtt://*{{ domain }}",
            "mqtt://[{{ ip }}]:1883",
            "ssl://{{ ip }}/8",
            "mqtt:{{ broker }}",
            "mqtt://{ {{ broker }} }",
        ] {
            let refused = matches!(check(entry), Err(SettingsError::Entry { .. }));
            assert!(refused, "{entry}: {:?}", check(entry));
        }
    }

    #[test]
    fn entries_that_are_not_about_mqtt_are_never_refused() {
        for entry in [
            "https://example.com/path",
            "http://{{ broker",
            "http://{{ nobody }}",
            "ftp://{{ broker }}",
            "postgres://{a,b}",
            "h2://h",
            "://h",
        ] {
            assert!(check(entry).is_ok(), "{entry}: {:?}", check(entry));
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
            .variable("url", Some(" mqtt://mq.example.com\n".into()))
            .variable("http", Some("https://example.com/path".into()))
            .variable("empty", Some("\n".into()))
            .variable("location", Some("localhost:1884".into()))
            .allowed_hosts(
                [
                    "mqtt://{{ unset }}",
                    "mqtt://{{ list }}",
                    "mqtt://{{ fine }}",
                    "{{ fine }}://h:1",
                    "https://{{ fine }}",
                    "*://*:*",
                    "MQTT://h:1883",
                    "mqtt://self",
                    "mqtt://h:5..5",
                    "{{ unset }}",
                    "{{ fine }}",
                    "{{ url }}",
                    "{{ http }}",
                    "{{ empty }}",
                    "mqtt://{{ location }}",
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
                (true, false),
                (false, true),
                (false, false),
                (false, true),
                (true, false),
                (true, true),
                (true, false),
                (false, false),
                (false, true),
                (true, false),
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
