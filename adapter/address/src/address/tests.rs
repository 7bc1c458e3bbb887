use core::time::Duration;

use super::*;

fn parse(text: &str) -> Result<Address, AddressError> {
    text.parse()
}

/// The address of a text without a query.
fn plain(scheme: Scheme, host: Host, port: u16) -> Address {
    Address {
        scheme,
        host,
        port,
        username: String::new(),
        password: String::new(),
        client_id: None,
        clean_session: true,
        early_publish: true,
        connect_timeout: Duration::from_secs(5),
        ack_timeout: Duration::from_secs(20),
        max_incoming_packet_size: usize::MAX,
        max_outgoing_packet_size: usize::MAX,
    }
}

fn name(name: &str) -> Host {
    Host::Name(name.into())
}

#[test]
fn locations() {
    let loopback = Host::Ipv4(Ipv4Addr::LOCALHOST);
    for (text, scheme, host, port) in [
        ("mqtt://h", Scheme::Mqtt, name("h"), 1883),
        ("tcp://h", Scheme::Tcp, name("h"), 1883),
        (
            "MQTT://Broker.Example.COM",
            Scheme::Mqtt,
            name("Broker.Example.COM"),
            1883,
        ),
        ("mqtts://h", Scheme::Mqtts, name("h"), 8883),
        ("ssl://h:1", Scheme::Ssl, name("h"), 1),
        ("mqtt://h:65535", Scheme::Mqtt, name("h"), 65_535),
        ("mqtt://h:01883", Scheme::Mqtt, name("h"), 1883),
        ("mqtt://h:", Scheme::Mqtt, name("h"), 1883),
        ("mqtt://h.", Scheme::Mqtt, name("h."), 1883),
        (
            "mqtt://my_broker-1.local",
            Scheme::Mqtt,
            name("my_broker-1.local"),
            1883,
        ),
        ("mqtt://127.0.0.1:2", Scheme::Mqtt, loopback.clone(), 2),
        (
            "mqtt://[::1]",
            Scheme::Mqtt,
            Host::Ipv6(Ipv6Addr::LOCALHOST),
            1883,
        ),
        (
            "mqtt://[2001:db8::1]:9",
            Scheme::Mqtt,
            Host::Ipv6("2001:db8::1".parse().unwrap()),
            9,
        ),
        // Spin takes these too, and they mean nothing.
        ("mqtt://h/path", Scheme::Mqtt, name("h"), 1883),
        ("mqtt://h:7/a@b?#c", Scheme::Mqtt, name("h"), 7),
        ("mqtt://h#?client_id=x", Scheme::Mqtt, name("h"), 1883),
        (" mqtt://h\r\n", Scheme::Mqtt, name("h"), 1883),
        // A variable's value that ends a line, within an address: a parser of URLs leaves that out.
        ("mqtt://h\n:7", Scheme::Mqtt, name("h"), 7),
        ("mqtt://a\r\n.b\t:7\n", Scheme::Mqtt, name("a.b"), 7),
    ] {
        assert_eq!(parse(text), Ok(plain(scheme, host, port)), "{text}");
    }
}

#[test]
fn what_is_no_location() {
    use AddressError as E;
    for (text, error) in [
        ("", E::NoScheme),
        ("h", E::NoScheme),
        ("h:1883", E::NoScheme),
        ("mqtt:h", E::NoScheme),
        ("mqtt:/h", E::NoScheme),
        ("://h", E::Scheme),
        ("http://h", E::Scheme),
        ("ws://h", E::Scheme),
        ("mqtt ://h", E::Scheme),
        ("mqtt://", E::NoHost),
        ("mqtt:///path", E::NoHost),
        ("mqtt://?client_id=x", E::NoHost),
        ("mqtt://:1883", E::NoHost),
        ("mqtt://user@", E::NoHost),
        ("mqtt://a b", E::Host),
        ("mqtt://a\0b", E::Host),
        ("mqtt://a%62c", E::Host),
        ("mqtt://a\\b", E::Host),
        ("mqtt://a..b", E::Host),
        ("mqtt://.a", E::Host),
        ("mqtt://.", E::Host),
        ("mqtt://bücher.example", E::Host),
        ("mqtt://ｈ", E::Host),
        ("mqtt://*", E::Host),
        ("mqtt://a,b", E::Host),
        ("mqtt://256.0.0.1", E::Host),
        ("mqtt://1.2.3.4.5", E::Host),
        ("mqtt://1.2.3.4.0", E::Host),
        ("mqtt://1.2.3.256", E::Host),
        ("mqtt://127.16777216", E::Host),
        ("mqtt://4294967296", E::Host),
        ("mqtt://99999999999999999999", E::Host),
        ("mqtt://127.0.0.08", E::Host),
        ("mqtt://0x7g.1", E::Host),
        ("mqtt://1..1", E::Host),
        ("mqtt://h.1", E::Host),
        ("mqtt://a.0x", E::Host),
        ("mqtt://[::1", E::Host),
        ("mqtt://::1", E::Host),
        ("mqtt://[::1]x", E::Host),
        ("mqtt://[::1]x:5", E::Host),
        ("mqtt://[fe80::1%25eth0]", E::Host),
        ("mqtt://[127.0.0.1]", E::Host),
        ("mqtt://[]", E::Host),
        ("mqtt://h:0", E::Port),
        ("mqtt://h:65536", E::Port),
        ("mqtt://h:99999999999999999999", E::Port),
        ("mqtt://h:+1", E::Port),
        ("mqtt://h:-1", E::Port),
        ("mqtt://h:1883x", E::Port),
        ("mqtt://h: 1883", E::Port),
        ("mqtt://a:b:c", E::Host),
        ("mqtt://%ff@h", E::UserInfo),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
    let long_label = format!("mqtt://{}", "a".repeat(64));
    let long_name = format!("mqtt://{}", ["a"; 128].join("."));
    assert_eq!(parse(&long_label), Err(E::Host));
    assert_eq!(parse(&long_name), Err(E::Host));
}

/// As the parser of URLs reads them, and with it Spin's list and the resolver that Spin asks.
#[test]
fn ipv4_addresses_have_many_forms() {
    for (text, address) in [
        ("127.1", [127, 0, 0, 1]),
        ("127.0.1", [127, 0, 0, 1]),
        ("10.258", [10, 0, 1, 2]),
        ("2130706433", [127, 0, 0, 1]),
        ("0x7f000001", [127, 0, 0, 1]),
        ("0X7F.0.0.1", [127, 0, 0, 1]),
        ("0177.0.0.01", [127, 0, 0, 1]),
        ("127.0.0.1.", [127, 0, 0, 1]),
        ("0", [0, 0, 0, 0]),
        ("0x.0x", [0, 0, 0, 0]),
        ("4294967295", [255, 255, 255, 255]),
        ("1.16777215", [1, 255, 255, 255]),
        ("255.255.255.255", [255, 255, 255, 255]),
    ] {
        let address = Ok(Host::Ipv4(address.into()));
        assert_eq!(text.parse::<Host>(), address, "{text}");
    }
    for name in ["0x7g", "1a", "1.a", "127.0.0.1.example", "0x1.0xg"] {
        assert_eq!(name.parse(), Ok(Host::Name(name.into())), "{name}");
    }
}

/// The text in front of `@`, or behind `?`, never decides on the host.
#[test]
fn no_disguise_changes_the_host() {
    for (text, host, port) in [
        ("mqtt://evil:9999?client_id=x@good", "evil", 9999),
        ("mqtt://evil:9999/x@good:1", "evil", 9999),
        ("mqtt://evil#@good", "evil", 1883),
        ("mqtt://good@evil", "evil", 1883),
        ("mqtt://good:1883@evil:9999", "evil", 9999),
        ("mqtt://good@good@evil", "evil", 1883),
    ] {
        let address = parse(text).unwrap();
        assert_eq!((address.host, address.port), (name(host), port), "{text}");
    }
}

#[test]
fn user_info_is_decoded() {
    let address = parse("mqtt://us%65r:p%40ss:+w@h").unwrap();
    assert_eq!(address.username, "user");
    assert_eq!(address.password, "p@ss:+w");
}

#[test]
fn query_keys() {
    let address = parse(
        "mqtt://h?client_id=my+id%2F1&clean_session=false&keep_alive_secs=5&conn_timeout_secs=7\
         &max_incoming_packet_size_bytes=1&max_outgoing_packet_size_bytes=2&request_channel_capacity_num=3\
         &max_request_batch_num=4&pending_throttle_usecs=5&inflight_num=6&ack_timeout_secs=8",
    )
    .unwrap();
    let expected = Address {
        client_id: Some("my id/1".into()),
        clean_session: false,
        connect_timeout: Duration::from_secs(7),
        ack_timeout: Duration::from_secs(8),
        max_incoming_packet_size: 1,
        max_outgoing_packet_size: 2,
        ..plain(Scheme::Mqtt, name("h"), 1883)
    };
    assert_eq!(address, expected);
}

#[test]
fn query_forms_that_mean_nothing_else() {
    // An absent, an empty and an anonymous client id are the same.
    for text in [
        "mqtt://h?",
        "mqtt://h?&&",
        "mqtt://h?client_id=",
        "mqtt://h?client_id",
    ] {
        assert_eq!(
            parse(text),
            Ok(plain(Scheme::Mqtt, name("h"), 1883)),
            "{text}"
        );
    }
    // The last of two holds, a stray % is itself, and a timeout has its end.
    let address =
        parse("mqtt://h?client_id=a&client_id=100%&conn_timeout_secs=18446744073709551615")
            .unwrap();
    assert_eq!(address.client_id.as_deref(), Some("100%"));
    assert_eq!(address.connect_timeout, Duration::from_secs(3600));
    // A 32-bit client takes the sizes of Spin's 64-bit one as well.
    assert!(parse("mqtt://h?max_outgoing_packet_size_bytes=18446744073709551615").is_ok());
}

#[test]
fn query_values_are_checked_as_spins_client_checks_them() {
    for pair in [
        "clean_session=yes",
        "clean_session=1",
        "clean_session=",
        "clean_session=True",
        "keep_alive_secs=x",
        "keep_alive_secs=-1",
        "keep_alive_secs=",
        "conn_timeout_secs=1.5",
        "conn_timeout_secs=18446744073709551616",
        "max_incoming_packet_size_bytes=10k",
        "max_outgoing_packet_size_bytes=-1",
        "request_channel_capacity_num=many",
        "max_request_batch_num=0x10",
        "pending_throttle_usecs=%20",
        "inflight_num=65536",
        "inflight_num=0",
        "ack_timeout_secs=0",
        "ack_timeout_secs=3601",
        "client_id=a%00b",
        "client_id=%ff",
    ] {
        let key = pair.split('=').next().unwrap();
        match parse(&format!("mqtt://h?{pair}")) {
            Err(error @ AddressError::Value { .. }) => {
                assert!(error.message().contains(key), "{pair}: {error}");
            }
            other => panic!("{pair}: {other:?}"),
        }
    }
    let long = format!("mqtt://h?client_id={}", "x".repeat(65_536));
    assert!(matches!(parse(&long), Err(AddressError::Value { .. })));
}

#[test]
fn unknown_keys_are_refused() {
    for (query, key) in [
        ("foo=bar", "foo"),
        ("Client_Id=x", "Client_Id"),
        ("=x", ""),
        ("client_id=x;a=b&c", "c"),
    ] {
        let error = AddressError::UnknownKey(key.into());
        assert_eq!(parse(&format!("mqtt://h?{query}")), Err(error));
    }
}

/// The broker would keep a session that nobody can come back to.
#[test]
fn a_session_to_keep_needs_a_client_id() {
    for text in [
        "mqtt://h?clean_session=false",
        "mqtt://h?clean_session=false&client_id=",
    ] {
        assert_eq!(parse(text), Err(AddressError::AnonymousSession));
    }
}

#[test]
fn location_names_the_broker_and_no_secret() {
    for (text, location) in [
        ("mqtt://user:secret@h?client_id=x", "mqtt://h:1883"),
        ("TCP://10.0.0.255:1", "tcp://10.0.0.255:1"),
        (
            "mqtts://[2001:db8::a0f]",
            "mqtts://[2001:db8:0:0:0:0:0:a0f]:8883",
        ),
    ] {
        assert_eq!(parse(text).unwrap().location(), location);
    }
}
