//! Which brokers the app may connect to: the enforcement of `allowed_outbound_hosts`.
//!
//! A guest that has no sockets of its own, as a Spin guest has none, reaches a broker through here or not at all.

use mqtt_address::{Address, AllowedHost, Template, has_wildcard};

use crate::{settings::Settings, stderr};

/// Whether one of the entries permits `address`. Where there is no list, what the host allows is permitted.
///
/// Why an address is denied is the operator's business, who reads it on standard error.
pub(crate) fn permit(address: &Address) -> bool {
    let settings = Settings::get();
    let Some(entries) = &settings.allowed_hosts else {
        return true;
    };
    let mut reasons = String::new();
    for entry in entries {
        match permits(settings, entry, address) {
            Ok(true) => return true,
            Ok(false) => {}
            // A few are enough to see what is wrong, and a stream that is full would lose the rest.
            Err(_) if reasons.len() > MAX_REASONS => {}
            Err(reason) => {
                let entry = entry.trim_ascii();
                let line = [
                    "spin-mqtt: the entry `",
                    entry,
                    "` permits nothing: ",
                    &reason,
                    "\n",
                ];
                reasons.push_str(&line.concat());
            }
        }
    }
    let location = address.location();
    let line = [
        "spin-mqtt: ",
        &location,
        " is not permitted; this entry would permit it: ",
        &location,
        "\n",
        &reasons,
    ];
    stderr::print(&line.concat());
    false
}

/// How many bytes of reasons are given, and one more line.
const MAX_REASONS: usize = 1024;

fn permits(settings: &Settings, entry: &str, address: &Address) -> Result<bool, String> {
    // The host enforces the others, and knows what is wrong with them.
    if !AllowedHost::may_concern_mqtt(entry) {
        return Ok(false);
    }
    let template = Template::new(entry).map_err(|error| error.message())?;
    let is_wide = |name: &str| settings.composed(name).is_some_and(has_wildcard);
    let entry = template
        .resolve_entry(|name| settings.variable(name), is_wide)
        .map_err(|error| error.message())?;
    if entry.is_empty() {
        return Ok(false);
    }
    let entry: AllowedHost = entry
        .parse()
        .map_err(|error: mqtt_address::EntryError| error.message())?;
    Ok(entry.permits(address))
}
