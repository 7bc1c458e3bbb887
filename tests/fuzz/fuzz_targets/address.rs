//! An address is parsed or refused, and what is connected to is what a message names.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_address::Address;

fuzz_target!(|text: &str| {
    let Ok(address) = text.parse::<Address>() else {
        return;
    };
    let location = address.location();
    let again: Address = location.parse().expect("a location is an address");
    assert_eq!(again.scheme, address.scheme, "{location}");
    assert_eq!(again.host, address.host, "{location}");
    assert_eq!(again.port, address.port, "{location}");
    assert!(address.port > 0);
    assert!(address.clean_session || address.client_id.is_some());
});
