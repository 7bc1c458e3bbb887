//! The hosts of entries in ASCII: the adapter has no tables of Unicode, and Spin's parser takes such names.

use mqtt_address::AllowedHost;
use url::Host;

/// `entry` with the name of its host as a URL has it: in lower case, as `xn--…` where it is not of ASCII, and without escapes. An
/// entry that is in ASCII, or that has no such form, stays as it is.
pub(super) fn in_ascii(entry: String) -> String {
    let Some((scheme, rest)) = entry.split_once("://") else {
        return entry;
    };
    let end = match rest.find(']') {
        Some(bracket) => bracket + 1,
        None => rest.find([':', '/']).unwrap_or(rest.len()),
    };
    let (host, behind) = rest.split_at(end);
    let blanks = host.trim() != host && !behind.is_empty();
    if (host.is_ascii() && !host.contains('%') && !blanks) || !AllowedHost::may_concern_mqtt(&entry)
    {
        return entry;
    }
    let host = host.trim();
    let (below, name) = match host.strip_prefix("*.") {
        Some(domain) => ("*.", domain),
        None => ("", host),
    };
    match name.contains("{{") {
        // Each label by itself: a name in Unicode has the same dots as its form in ASCII.
        true => {
            let labels = name.split('.').map(|label| match Host::parse(label) {
                Ok(Host::Domain(ascii)) if !label.is_ascii() => ascii,
                _ => label.to_owned(),
            });
            let labels: Vec<_> = labels.collect();
            format!("{scheme}://{below}{}{behind}", labels.join("."))
        }
        false => match Host::parse(name) {
            Ok(ascii) => format!("{scheme}://{below}{ascii}{behind}"),
            Err(_) => entry,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_ascii() {
        for (entry, ascii) in [
            ("mqtt://bücher.example", "mqtt://xn--bcher-kva.example"),
            (
                "mqtt://BÜCHER.example:1883/",
                "mqtt://xn--bcher-kva.example:1883/",
            ),
            ("*://*.bücher.example:*", "*://*.xn--bcher-kva.example:*"),
            (
                "mqtt://{{ a }}.bücher.example:{{ b }}",
                "mqtt://{{ a }}.xn--bcher-kva.example:{{ b }}",
            ),
            ("mqtt://例え。テスト", "mqtt://xn--r8jz45g.xn--zckzah"),
            ("mqtt://ｇｏｏｄ", "mqtt://good"),
            ("mqtt://１２７.1", "mqtt://127.0.0.1"),
            ("mqtt://g%6fod:1", "mqtt://good:1"),
            ("mqtt:// h :1", "mqtt://h:1"),
        ] {
            assert_eq!(in_ascii(entry.to_owned()), ascii, "{entry}");
            let filled = ascii.replace("{{ a }}", "a").replace("{{ b }}", "1");
            assert!(filled.parse::<AllowedHost>().is_ok(), "{ascii}");
        }
        for entry in [
            "mqtt://Broker.example",
            " mqtt://h:1883 ",
            "mqtt://[::1]:1883",
            "mqtt://bü{{ a }}.example",
            "mqtt://bü cher.example",
            "mqtt://%ff",
            "mqtt://user@bücher.example",
            "https://bücher.example",
            "bücher.example",
        ] {
            assert_eq!(in_ascii(entry.to_owned()), entry, "{entry}");
        }
    }
}
