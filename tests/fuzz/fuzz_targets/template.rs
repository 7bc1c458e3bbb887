//! A template is parsed or refused, and no value of a variable brings in what gives an entry its shape.

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

    let Ok(filled) = template.resolve_entry(|_| Some(value.to_owned())) else {
        assert!(places > 0);
        return;
    };
    for shape in "*/@,{}?#% \t\r\n\0".chars() {
        let count = |text: &str| text.chars().filter(|char| *char == shape).count();
        assert!(count(&filled) <= count(text), "{filled:?}");
    }
    let ranges = |text: &str| text.matches("..").count();
    assert!(ranges(&filled) <= ranges(text), "{filled:?}");
});
