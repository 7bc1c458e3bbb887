use super::*;

fn entry(text: &str) -> Result<AllowedHost, EntryError> {
    text.parse()
}

#[test]
fn entries_that_spin_takes_are_taken() {
    for text in [
        "http://h",
        "http://h/",
        " http://h\n",
        "http://h:4444",
        "http://h:4444/",
        "http://h:4444..5555",
        "http://h:*",
        "*://h:7777",
        "http://self",
        "http://self.alt",
        "http://*",
        "http://*.example.com",
        "http://[::1]",
        "http://[::1]:8000",
        "http://[::1]:8000..9000",
        "*://127.0.0.0/24:80",
        "http://ff00::/8",
        "http://10.0.0.0/8/",
        "http://2001:db8::/32:443",
        "http://2001:db8::/32:443/",
        "*://*:*",
        "ftp://h:21",
        "mqtt://messaging.example.com:1883",
        "mqtts://messaging.example.com",
        "postgres://db",
        "http://127.1",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://h:",
        "http://h:/",
        "http://[::1]:",
        "http://10.0.0.0/8:",
        "http://h:80..80",
        "http://h:90..80",
    ] {
        assert!(entry(text).is_ok(), "{text}: {:?}", entry(text));
    }
}

#[test]
fn what_is_no_entry_says_why() {
    use EntryError as E;
    for (text, error) in [
        ("*", E::NoScheme),
        (":", E::NoScheme),
        ("", E::NoScheme),
        ("  ", E::NoScheme),
        ("?", E::NoScheme),
        ("h", E::NoScheme),
        ("h:80", E::NoScheme),
        ("[::1]:8080", E::NoScheme),
        ("mqtt:h", E::NoScheme),
        ("insecure:allow-all", E::AllowAll),
        ("{http,https}://h", E::Braces),
        ("http://{a,b}", E::Braces),
        ("http://h:{80,443}", E::Braces),
        ("http://}}", E::Braces),
        ("://h", E::Scheme),
        ("h2://h", E::Scheme),
        ("*mqtt://h:1", E::Scheme),
        ("http://user@h", E::UserInfo),
        ("http://h/@", E::UserInfo),
        ("http://", E::NoHost),
        ("http:///", E::NoHost),
        ("http://:80", E::NoHost),
        ("http://exa mple.com", E::Host),
        ("http://a,b", E::Host),
        ("http://a\0b", E::Host),
        ("http://bücher.example", E::Host),
        ("http://a%62", E::Host),
        ("http://[::1", E::Host),
        ("http://[::1]junk", E::Host),
        ("http://[127.0.0.1]", E::Host),
        ("http://*.", E::Host),
        ("http://*.127.0.0.1", E::Wildcard),
        ("http://*.[::1]", E::Wildcard),
        ("http://a.*.b", E::Wildcard),
        ("http://*a", E::Wildcard),
        ("http://*.*.b", E::Wildcard),
        ("http://**", E::Wildcard),
        ("http://h/a", E::Path),
        ("http://h:6666/a/b", E::Path),
        ("http://*.x.dev/a", E::Path),
        ("http://h//", E::Path),
        ("http://h/24", E::Path),
        ("http://[ff00::]/8", E::Path),
        ("http://10.0.0.0/33", E::Network),
        ("http://ff00::/129", E::Network),
        ("http://10.0.0.0/+8", E::Network),
        ("http://10.0.0.0/8/9", E::Network),
        ("http://10.0.0.0/:80", E::Network),
        ("*://127.0.0.0/24", E::NoPort),
        ("*://h", E::NoPort),
        ("ftp://h", E::NoPort),
        ("tcp://h", E::NoPort),
        ("http://[::1]::80", E::Port),
        ("http://h:notaport", E::Port),
        ("http://h:99999", E::Port),
        ("http://h:+80", E::Port),
        ("http://h:80 /", E::Port),
        ("http://example.com:80:90", E::Port),
        ("http://h:80..", E::Port),
        ("http://h:..80", E::Port),
        ("http://h:80.90", E::Port),
        ("http://h:80...90", E::Port),
        ("http://h:1..65536", E::Port),
    ] {
        assert_eq!(entry(text), Err(error), "{text}");
    }
}

/// Entry, address, and whether the one permits the other.
const VERDICTS: &[(&str, &str, bool)] = &[
    // Schemes.
    ("mqtt://h", "mqtt://h", true),
    ("mqtt://h", "MQTT://h", true),
    ("mqtt://h", "tcp://h", false),
    ("mqtt://h", "mqtts://h:1883", false),
    ("tcp://h:1883", "tcp://h", true),
    ("mqtts://h", "mqtts://h", true),
    ("*://h:1883", "tcp://h", true),
    ("http://h:1883", "mqtt://h", false),
    // The entry's scheme stands as it is given, and addresses have theirs in lower case.
    ("MQTT://h:1883", "mqtt://h", false),
    // Ports.
    ("mqtt://h", "mqtt://h:1883", true),
    ("mqtt://h", "mqtt://h:1884", false),
    ("mqtt://h:1884", "mqtt://h", false),
    ("mqtt://h:*", "mqtt://h:65535", true),
    ("mqtt://h:1883..1885", "mqtt://h:1882", false),
    ("mqtt://h:1883..1885", "mqtt://h:1883", true),
    ("mqtt://h:1883..1885", "mqtt://h:1884", true),
    ("mqtt://h:1883..1885", "mqtt://h:1885", false),
    ("mqtt://h:", "mqtt://h", true),
    ("mqtt://h:", "mqtt://h:1884", false),
    ("mqtt://h:1883..1883", "mqtt://h", false),
    ("mqtt://h:1884..1883", "mqtt://h", false),
    // Names.
    ("mqtt://Broker.example", "mqtt://bROKER.EXAMPLE", true),
    ("mqtt://h", "mqtt://hh", false),
    ("mqtt://h", "mqtt://h.", false),
    ("mqtt://h.", "mqtt://h.", true),
    ("mqtt://*", "mqtt://h", true),
    ("mqtt://*", "mqtt://127.0.0.1", true),
    ("*://*:*", "mqtts://[::1]:9", true),
    ("mqtt://*.example.com", "mqtt://a.example.com", true),
    ("mqtt://*.example.com", "mqtt://a.b.Example.Com", true),
    ("mqtt://*.example.com", "mqtt://example.com", false),
    ("mqtt://*.example.com", "mqtt://evilexample.com", false),
    ("mqtt://*.example.com", "mqtt://a.example.com.evil", false),
    ("mqtt://*.example.com", "mqtt://a.example.com.", false),
    // The application itself is no broker.
    ("mqtt://self", "mqtt://self", false),
    ("*://self:*", "mqtt://self", false),
    ("*://SELF:*", "mqtt://self", false),
    ("mqtt://self.alt", "mqtt://self.alt", false),
    // IP addresses.
    ("mqtt://127.0.0.1", "mqtt://127.0.0.1", true),
    ("mqtt://127.0.0.1", "mqtt://localhost", false),
    ("mqtt://localhost", "mqtt://127.0.0.1", false),
    ("mqtt://[::1]", "mqtt://[0:0:0:0:0:0:0:1]", true),
    ("mqtt://[::1]", "mqtt://[::2]", false),
    ("mqtt://127.0.0.1", "mqtt://[::ffff:127.0.0.1]", false),
    ("mqtt://[::ffff:127.0.0.1]", "mqtt://127.0.0.1", false),
    // One address in many forms: checked and connected to as what they stand for.
    ("mqtt://127.1", "mqtt://127.0.0.1", true),
    ("mqtt://127.0.0.1", "mqtt://127.1", true),
    ("mqtt://127.0.0.1", "mqtt://2130706433", true),
    ("mqtt://127.0.0.1", "mqtt://0x7f.0.0.1", true),
    ("mqtt://127.0.0.1", "mqtt://0177.0.0.1", true),
    ("mqtt://177.0.0.1", "mqtt://0177.0.0.1", false),
    ("mqtt://10.0.0.0/8", "mqtt://10.1", true),
    // Networks.
    ("mqtt://10.0.0.0/8", "mqtt://10.255.0.1", true),
    ("mqtt://10.0.0.0/8", "mqtt://11.0.0.1", false),
    ("mqtt://10.1.2.3/8", "mqtt://10.9.9.9", true),
    ("mqtt://10.0.0.0/8", "mqtt://10.example.com", false),
    ("mqtt://10.0.0.0/8", "mqtt://[::ffff:10.0.0.1]", false),
    ("mqtt://0.0.0.0/0", "mqtt://8.8.8.8", true),
    ("mqtt://0.0.0.0/0", "mqtt://[::1]", false),
    ("mqtt://10.0.0.1/32", "mqtt://10.0.0.1", true),
    ("mqtt://10.0.0.1/32", "mqtt://10.0.0.2", false),
    ("mqtt://ff00::/8", "mqtt://[ff7f::1]", true),
    ("mqtt://ff00::/8", "mqtt://[fe00::1]", false),
    ("mqtt://::/0", "mqtt://[2001:db8::1]", true),
    ("mqtt://2001:db8::/32:9", "mqtt://[2001:db8:1::]:9", true),
    ("mqtt://2001:db8::/32:9", "mqtt://[2001:db8:1::]", false),
    // Texts that an attacker writes around the host.
    ("mqtt://good", "mqtt://evil:9999?client_id=x@good", false),
    ("mqtt://good", "mqtt://evil:9999/@good", false),
    ("mqtt://good", "mqtt://evil#@good", false),
    ("mqtt://good", "mqtt://good@evil", false),
    ("mqtt://good", "mqtt://good:1883@evil", false),
    ("mqtt://good", "mqtt://good\\@evil", false),
    ("mqtt://good", "mqtt://x@good", true),
    ("mqtt://good", "mqtt://evil.good", false),
    ("mqtt://good", " mqtt://good\t", true),
    ("mqtt://good", "mqtt://go\nod", true),
    ("mqtt://good", "mqtt://good\r\n.evil", false),
];

#[test]
fn verdicts() {
    for &(text, address, verdict) in VERDICTS {
        let address: Address = address
            .parse()
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        assert_eq!(
            entry(text).unwrap().permits(&address),
            verdict,
            "{text}, {address:?}"
        );
    }
}

/// A text that is no address is never connected to, so that no entry need deny it.
#[test]
fn disguised_hosts_are_no_addresses() {
    for address in [
        "mqtt://g%6fod",
        "mqtt://ｇｏｏｄ",
        "mqtt://good\0.evil",
        "mqtt://",
        "mqtt://good:0",
        "mqtt://good:67419",
    ] {
        assert!(address.parse::<Address>().is_err(), "{address}");
    }
}

#[test]
fn who_enforces_an_entry() {
    for (text, concerns_mqtt) in [
        ("mqtt://h", true),
        ("mqtts://h", true),
        ("tcp://h:1", true),
        ("ssl://h:1", true),
        ("*://h:1", true),
        ("mqtt://self", false),
        ("*://self:*", false),
        ("http://h", false),
        ("redis://h", false),
    ] {
        assert_eq!(
            entry(text).unwrap().concerns_mqtt(),
            concerns_mqtt,
            "{text}"
        );
    }
}

/// Such an entry is not refused, whatever is wrong with it.
#[test]
fn another_scheme_is_seen_in_any_text() {
    for text in [
        "http://h/path",
        "https://{{ a }}",
        " redis://{{",
        "://h",
        "mqtt2://h",
        "MQTT://h",
    ] {
        assert!(!AllowedHost::may_concern_mqtt(text), "{text}");
    }
    for text in [
        "mqtt://h/path",
        " mqtts://",
        "*://*:*",
        "tcp://h",
        "{{ a }}://h:1",
        "m{{ a }}://h:1",
        "{{ a }}",
        "h:1883",
        "",
    ] {
        assert!(AllowedHost::may_concern_mqtt(text), "{text}");
    }
}
