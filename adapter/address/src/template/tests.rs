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
            template.resolve_entry(value, |_| false).as_deref(),
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
        template.resolve_entry(value, |_| false),
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
        let resolved = template.resolve_entry(|_| Some(value.into()), |_| false);
        assert_eq!(resolved, Err(Unresolved::Unfit("v")), "{value}");
    }
    for value in ["h", "mq.prod", "10.0.0.1", "[2001:db8::1]", "my_broker-1"] {
        let resolved = template
            .resolve_entry(|_| Some(value.into()), |_| false)
            .unwrap();
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
    let long = Template::new("mqtt://{{ v }}").unwrap();
    let long = long.resolve_entry(|_| Some("x".repeat(254)), |_| false);
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

fn entry(text: &str, value: &str) -> Result<String, &'static str> {
    let template = Template::new(text).unwrap();
    let filled = template.resolve_entry(|_| Some(value.into()), |_| false);
    filled.map_err(|error| match error {
        Unresolved::Unset(_) => "unset",
        Unresolved::Unfit(_) => "unfit",
        Unresolved::Wildcard(_) => "wildcard",
        Unresolved::TooLong(_) => "too long",
    })
}

/// A secret that is mounted as a file ends with a newline.
#[test]
fn blanks_around_a_value_are_none_of_it() {
    for value in [" h", "h\n", "\r\n\th \n"] {
        assert_eq!(
            entry("mqtt://{{ v }}:1", value).as_deref(),
            Ok("mqtt://h:1")
        );
    }
    assert_eq!(entry("{{ v }}", " mqtt://h \n").as_deref(), Ok("mqtt://h"));
    assert_eq!(entry("mqtt://{{ v }}:1", " \n"), Err("unfit"));
}

#[test]
fn a_value_may_have_a_port_where_none_follows() {
    for (text, value, filled) in [
        ("mqtt://{{ v }}", "h:1884", "mqtt://h:1884"),
        ("mqtt://{{ v }}/", "h:1884", "mqtt://h:1884/"),
        (" mqtt://{{ v }} ", "h:1884\n", "mqtt://h:1884"),
        ("mqtt://{{ v }}", "[::1]:1884", "mqtt://[::1]:1884"),
        ("mqtt://{{ v }}", "[::1]", "mqtt://[::1]"),
        ("*://{{ v }}", "h:1884", "*://h:1884"),
        ("mqtt://*.{{ v }}", "h:1884", "mqtt://*.h:1884"),
        ("mqtt://a.{{ v }}", "h:1884", "mqtt://a.h:1884"),
    ] {
        assert_eq!(entry(text, value).as_deref(), Ok(filled), "{text} {value}");
    }
    for (text, value) in [
        ("mqtt://{{ v }}:1883", "h:1884"),
        ("mqtt://{{ v }}:*", "h:1884"),
        ("mqtt://{{ v }}.example.com", "h:1884"),
        ("mqtt://{{ v }}.{{ v }}", "h:1884"),
        ("mqtt://h:{{ v }}", "1:2"),
        ("mqtt://10.0.0.0/{{ v }}", "8:1883"),
        ("mqtt://{{ v }}/8", "10.0.0.0:1"),
        ("{{ v }}://h:1", "mqtt:1"),
        ("mqtt://{{ v }}", "h:"),
        ("mqtt://{{ v }}", "h:*"),
        ("mqtt://{{ v }}", "h:1..9"),
        ("mqtt://{{ v }}", "h:1:2"),
        ("mqtt://{{ v }}", ":1"),
        ("mqtt://{{ v }}", "*:1"),
        ("mqtt://{{ v }}", "10.0.0.0/8:1"),
        ("mqtt://{{ v }}", "mqtt://h:1"),
    ] {
        assert_eq!(entry(text, value), Err("unfit"), "{text} {value}");
    }
}

#[test]
fn values_bring_the_scheme_where_the_text_has_none() {
    for (text, value, filled) in [
        ("{{ v }}", "mqtt://h:1", "mqtt://h:1"),
        ("{{ v }}", "mqtt://h:*", "mqtt://h:*"),
        ("{{ v }}", "mqtt://h:*/", "mqtt://h:*/"),
        ("{{ v }}:1883", "mqtt://h", "mqtt://h:1883"),
        ("{{ v }}:*", "mqtt://h", "mqtt://h:*"),
        ("{{ v }}", "", ""),
        (" {{ v }} ", "\n", ""),
        // No entry, which is for the entry's parser to find.
        ("{{ v }}", "h", "h"),
    ] {
        assert_eq!(entry(text, value).as_deref(), Ok(filled), "{text} {value}");
    }
    for value in ["*://*:*", "*://h:1", "mqtt://*", "mqtt://*.h", "*", "*:*"] {
        assert_eq!(entry("{{ v }}", value), Err("wildcard"), "{value}");
        let template = Template::new("{{ v }}").unwrap();
        let wide = template.resolve_entry(|_| Some(value.into()), |_| true);
        assert_eq!(wide.as_deref(), Ok(value));
    }
    let template = |text| Template::new(text).unwrap();
    assert!(template("{{ v }}:{{ v }}").brings_scheme());
    assert!(!template("{{ v }}://h").brings_scheme());
    assert!(!template("h").brings_scheme());
}
