//! An entry is parsed or refused, and permits an address as an independent reading of both says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_address::{Address, AllowedHost, Host};

fuzz_target!(|texts: (&str, &str)| {
    let (entry, address) = texts;
    let (Ok(parsed), Ok(address)) = (entry.parse::<AllowedHost>(), address.parse::<Address>())
    else {
        return;
    };
    let everything: AllowedHost = "*://*:*".parse().expect("an entry");
    assert!(everything.permits(&address));

    if parsed.permits(&address) {
        // A name is permitted by itself, by a domain that it ends with, or by a `*` alone.
        let entry = entry.to_ascii_lowercase();
        if let Host::Name(name) = &address.host {
            let domain_is_in_it = name
                .to_ascii_lowercase()
                .split_inclusive('.')
                .rev()
                .scan(String::new(), |domain, label| {
                    domain.insert_str(0, label);
                    Some(entry.contains(domain.as_str()))
                })
                .any(|found| found);
            assert!(domain_is_in_it || entry.contains("://*"), "{entry} {name}");
        }
        let scheme = address.scheme.as_str();
        let entry = entry.trim();
        assert!(entry.starts_with("*://") || entry.starts_with(&format!("{scheme}://")));
        assert!(parsed.concerns_mqtt());
    }
});
