//! Completions and man pages are there, whole, and about this command.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

fn compose(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_compose"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output.stdout
}

#[test]
fn each_shell_has_a_script_that_knows_the_commands_and_options() {
    for (shell, option) in [
        ("bash", "--stub-unresolved"),
        ("zsh", "--stub-unresolved"),
        ("fish", "stub-unresolved"),
    ] {
        let script = String::from_utf8(compose(&["completions", shell])).unwrap();
        for word in ["inspect", "adapter", option, "mermaid"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

/// Of the shells, bash is the one that every test machine has.
#[test]
fn bash_completes_commands() {
    let script = compose(&["completions", "bash"]);
    let mut bash = Command::new("bash")
        .arg("--norc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = bash.stdin.take().unwrap();
    input.write_all(&script).unwrap();
    let ask = "COMP_WORDS=(compose ins) COMP_CWORD=1\n_compose compose ins compose\necho \"${COMPREPLY[*]}\"\n";
    input.write_all(ask.as_bytes()).unwrap();
    drop(input);
    let output = bash.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "inspect");
}

#[test]
fn each_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    compose(&["man", path.to_str().unwrap()]);
    let mut pages: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    assert_eq!(
        pages,
        [
            "compose-adapter.1",
            "compose-completions.1",
            "compose-inspect.1",
            "compose-man.1",
            "compose.1"
        ]
    );
    for page in pages {
        let text = fs::read_to_string(path.join(&page)).unwrap();
        let command = page.trim_end_matches(".1");
        assert!(text.contains(&format!(".TH {command} 1")), "{page}: {text}");
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}
