//! Which addresses the entries of `allowed_outbound_hosts` permit: what is checked is what is connected to.

use mqtt_session::Address;
use outbound_hosts::AllowedHost;

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
    // What an attacker writes around the host.
    ("mqtt://good", "mqtt://evil:9999?client_id=x@good", false),
    ("mqtt://good", "mqtt://evil:9999/@good", false),
    ("mqtt://good", "mqtt://evil#@good", false),
    ("mqtt://good", "mqtt://good@evil", false),
    ("mqtt://good", "mqtt://good:1883@evil", false),
    ("mqtt://good", "mqtt://good\\@evil", false),
    ("mqtt://good", "mqtt://x@good", true),
    ("mqtt://good", "mqtt://evil.good", false),
    ("mqtt://good", " mqtt://good\t", true),
];

#[test]
fn verdicts() {
    for &(text, address, verdict) in VERDICTS {
        let address: Address = address
            .parse()
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        assert_eq!(
            text.parse::<AllowedHost>().unwrap().permits(
                address.scheme.as_str(),
                &address.host,
                address.port
            ),
            verdict,
            "{text}, {address:?}"
        );
    }
}

/// What is no address is connected to by nobody, so that no entry need deny it.
#[test]
fn disguised_hosts_are_no_addresses() {
    for address in [
        "mqtt://g%6fod",
        "mqtt://ｇｏｏｄ",
        "mqtt://good\0.evil",
        "mqtt://good\r\n.evil",
        "mqtt://",
        "mqtt://good:0",
        "mqtt://good:67419",
        "mqtt://127.1",
        "mqtt://2130706433",
        "mqtt://0x7f.0.0.1",
        "mqtt://0177.0.0.1",
    ] {
        assert!(address.parse::<Address>().is_err(), "{address}");
    }
}
