use super::*;

fn value(name: &str) -> Option<String> {
    let value = match name {
        "broker" => "mq.prod",
        "port" => "1884",
        "ip" => "[::1]",
        "star" => "*",
        _ => return None,
    };
    Some(value.into())
}

#[test]
fn places_are_filled() {
    for (text, filled) in [
        ("", ""),
        ("mqtt://h:1883", "mqtt://h:1883"),
        ("mqtt://{{ broker }}:{{port}}", "mqtt://mq.prod:1884"),
        ("{{broker}}{{broker}}", "mq.prodmq.prod"),
        ("mqtt://{{\tip\n}}", "mqtt://[::1]"),
        ("a }} b { c", "a }} b { c"),
    ] {
        let template = Template::new(text).unwrap();
        assert_eq!(
            template.resolve_entry(value).as_deref(),
            Ok(filled),
            "{text}"
        );
        assert_eq!(template.resolve(value).as_deref(), Ok(filled), "{text}");
    }
    assert_eq!(
        Template::new("{{ star }}")
            .unwrap()
            .resolve(value)
            .as_deref(),
        Ok("*")
    );
}

#[test]
fn what_is_no_template_says_why() {
    for (text, error) in [
        ("{{", TemplateError::Unmatched),
        ("a{{ b", TemplateError::Unmatched),
        ("{{ a }} {{ b }", TemplateError::Unmatched),
        ("{{}}", TemplateError::Name("".into())),
        ("{{ A }}", TemplateError::Name("A".into())),
        ("{{ {{ a }} }}", TemplateError::Name("{{ a".into())),
        ("{{ a b }}", TemplateError::Name("a b".into())),
    ] {
        assert_eq!(Template::new(text), Err(error), "{text}");
    }
}

#[test]
fn an_unset_variable_is_named() {
    let template = Template::new("{{ broker }}{{ nobody }}").unwrap();
    assert_eq!(template.resolve(value), Err(Unresolved::Unset("nobody")));
    assert_eq!(
        template.resolve_entry(value),
        Err(Unresolved::Unset("nobody"))
    );
    assert!(
        Unresolved::Unset("nobody")
            .message()
            .contains("SPIN_VARIABLE_NOBODY")
    );
}

/// Whatever its value is, a variable never permits more than its place.
#[test]
fn a_value_cannot_change_the_shape_of_an_entry() {
    let template = Template::new("mqtt://{{ v }}:1883").unwrap();
    for value in [
        "",
        "*",
        "*.com",
        "h:9999",
        "h/",
        "h@evil",
        "a,b",
        "a b",
        "a\nb",
        "h\0",
        "1..65535",
        "1.",
        ".1",
        "h?",
        "h#",
        "{a,b}",
        "{{ broker }}",
        "[::1]:9",
        "[*]",
        "[::1",
        "10.0.0.0/8",
        "h%2e",
        "ü",
        "mqtt://h",
    ] {
        let resolved = template.resolve_entry(|_| Some(value.into()));
        assert_eq!(resolved, Err(Unresolved::Unfit("v")), "{value}");
    }
    for value in ["h", "mq.prod", "10.0.0.1", "[2001:db8::1]", "my_broker-1"] {
        let resolved = template.resolve_entry(|_| Some(value.into())).unwrap();
        assert_eq!(resolved, format!("mqtt://{value}:1883"));
    }
}

/// A short text must not become one that fills the memory.
#[test]
fn what_a_template_becomes_has_a_bound() {
    let text = "{{ v }}".repeat(10);
    let template = Template::new(&text).unwrap();
    let fill = |bytes: usize| template.resolve(|_| Some("x".repeat(bytes)));
    assert_eq!(fill(100_000).map(|text| text.len()), Ok(1_000_000));
    assert_eq!(fill(200_000), Err(Unresolved::TooLong("v")));
    let long = template.resolve_entry(|_| Some("x".repeat(254)));
    assert_eq!(long, Err(Unresolved::Unfit("v")));
}

#[test]
fn names_of_variables() {
    for name in ["a", "broker", "a1", "a_b", "a_1_b2"] {
        assert!(is_variable_name(name), "{name}");
    }
    for name in [
        "", "_", "A", "1a", "_a", "a_", "a__b", "a-b", "a b", "ä", "aB",
    ] {
        assert!(!is_variable_name(name), "{name}");
    }
    assert_eq!(environment_name("my_broker2"), "SPIN_VARIABLE_MY_BROKER2");
}

#[test]
fn variables_are_listed() {
    let template = Template::new("{{ a }}-{{ b }}-{{ a }}").unwrap();
    assert_eq!(template.variables().collect::<Vec<_>>(), ["a", "b", "a"]);
}
