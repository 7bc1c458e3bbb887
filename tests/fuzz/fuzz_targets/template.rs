//! A template is parsed or refused, and no value of a variable brings in what gives an entry its shape, unless it brings all of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_address::Template;

fuzz_target!(|texts: (&str, &str)| {
    let (text, value) = texts;
    let Ok(template) = Template::new(text) else {
        return;
    };
    let places = template.variables().count();
    let filled = template.resolve(|_| Some(value.to_owned()));
    assert!(filled.is_ok());
    if places == 0 {
        assert_eq!(filled.as_deref(), Ok(text));
    }

    let Ok(filled) = template.resolve_entry(|_| Some(value.to_owned()), |_| false) else {
        assert!(places > 0);
        return;
    };
    if template.brings_scheme() {
        // A value brings an entry, but none with a `*` for its scheme or host.
        let stars = |text: &str| text.matches('*').count();
        let ports = |text: &str| text.matches(":*").count();
        assert!(stars(&filled) - ports(&filled) <= stars(text), "{filled:?}");
        return;
    }
    for shape in "*/@,{}?#% \t\r\n\0".chars() {
        let count = |text: &str| text.chars().filter(|char| *char == shape).count();
        assert!(count(&filled) <= count(text), "{filled:?}");
    }
    let ranges = |text: &str| text.matches("..").count();
    assert!(ranges(&filled) <= ranges(text), "{filled:?}");
});
