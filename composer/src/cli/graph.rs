//! A composition as a picture: in DOT, which Graphviz draws, and in Mermaid, which Markdown on many sites shows.

use std::{
    cmp::Reverse,
    fmt::Write as _,
    io::{self, Write},
};

use spin_mqtt_composer::Graph;

use super::{packages::packages, report::plain_line};

/// The arrows of the picture, each from an importer to a provider, with the packages that it imports from it.
fn arrows(graph: &Graph) -> Vec<(usize, usize, Vec<String>)> {
    let mut arrows: Vec<(usize, usize, Vec<&str>)> = Vec::new();
    for edge in &graph.edges {
        let ends = (edge.importer, edge.provider);
        match arrows.iter_mut().find(|(from, to, _)| (*from, *to) == ends) {
            Some((.., interfaces)) => interfaces.push(&edge.interface),
            None => arrows.push((ends.0, ends.1, vec![&edge.interface])),
        }
    }
    // From the top: the callers, the app, and its providers. Parts are in the opposite order.
    arrows.sort_by_key(|(from, ..)| from.checked_sub(1).map(Reverse));
    arrows
        .into_iter()
        .map(|(from, to, interfaces)| (from, to, packages(interfaces)))
        .collect()
}

/// Writes `graph` in DOT.
pub(super) fn dot(out: &mut impl Write, graph: &Graph) -> io::Result<()> {
    writeln!(out, "digraph composition {{")?;
    writeln!(out, "  node [shape=box]")?;
    for (index, part) in graph.parts.iter().enumerate() {
        let shape = if index == 0 { ", shape=oval" } else { "" };
        writeln!(out, "  n{index} [label=\"{}\"{shape}]", dot_text(part))?;
    }
    for (from, to, interfaces) in arrows(graph) {
        // `\l` ends each line and justifies it to the left.
        let lines = interfaces.iter().map(|line| dot_text(line) + r"\l");
        let label: String = lines.collect();
        writeln!(out, "  n{from} -> n{to} [label=\"{label}\"]")?;
    }
    writeln!(out, "}}")
}

fn dot_text(text: &str) -> String {
    plain_line(text).replace('\\', r"\\").replace('"', r#"\""#)
}

/// Writes `graph` in Mermaid.
pub(super) fn mermaid(out: &mut impl Write, graph: &Graph) -> io::Result<()> {
    writeln!(out, "flowchart TD")?;
    for (index, part) in graph.parts.iter().enumerate() {
        let part = mermaid_text(part);
        match index {
            0 => writeln!(out, "  n0([\"{part}\"])")?,
            _ => writeln!(out, "  n{index}[\"{part}\"]")?,
        }
    }
    for (from, to, interfaces) in arrows(graph) {
        let lines: Vec<_> = interfaces.iter().map(|line| mermaid_text(line)).collect();
        writeln!(out, "  n{from} -- \"{}\" --> n{to}", lines.join("<br>"))?;
    }
    Ok(())
}

/// Mermaid has no escapes but entities, of which `#` begins one.
fn mermaid_text(text: &str) -> String {
    let mut escaped = String::new();
    for c in plain_line(text).chars() {
        match c {
            '#' | '"' | '<' | '>' | '&' | '`' | '|' | '\\' => {
                let _ = write!(escaped, "#{};", c as u32);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are the file's.
    #[test]
    fn no_name_ends_its_label() {
        assert_eq!(dot_text("a\"]\\ \n"), r#"a\"]\\ \\n"#);
        assert_eq!(
            mermaid_text("a\"]<b>#&|`"),
            "a#34;]#60;b#62;#35;#38;#124;#96;"
        );
    }
}
