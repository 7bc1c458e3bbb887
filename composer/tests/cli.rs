//! The command as its users see it: each file in `cases/` is a list of commands with what they print, and runs in the
//! folder beside it that ends in `.in`. `TRYCMD=overwrite cargo test -p spin-mqtt-composer --test cli` writes down what
//! they print now.

#[test]
fn cases() {
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        .register_bin(
            "compose",
            std::path::Path::new(env!("CARGO_BIN_EXE_compose")),
        )
        .case("tests/cases/*.trycmd");
}

#[test]
fn the_picture_in_the_documents_is_what_is_drawn() {
    let drawn = std::process::Command::new(env!("CARGO_BIN_EXE_compose"))
        .args(["inspect", "tests/cases/needs.in/app.wat"])
        .args(["--env", "A=1", "--format", "mermaid"])
        .output()
        .unwrap();
    let picture = format!(
        "```mermaid\n{}```\n",
        String::from_utf8(drawn.stdout).unwrap()
    );
    let page = include_str!("../../docs/command.md");
    assert!(page.contains(&picture), "{picture}");
}
