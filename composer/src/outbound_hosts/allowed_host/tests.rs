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
        ("http://127.1", E::Host),
        ("http://0x7f000001", E::Host),
        ("http://0177.0.0.1", E::Host),
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
        ("http://h:", E::Port),
        ("http://h:notaport", E::Port),
        ("http://h:99999", E::Port),
        ("http://h:+80", E::Port),
        ("http://h:80 /", E::Port),
        ("http://example.com:80:90", E::Port),
        ("http://h:80..", E::Port),
        ("http://h:..80", E::Port),
        ("http://h:80.90", E::Port),
        ("http://h:80...90", E::Port),
        ("http://h:80..80", E::Port),
        ("http://h:90..80", E::Port),
        ("http://h:1..65536", E::Port),
    ] {
        assert_eq!(entry(text), Err(error), "{text}");
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
