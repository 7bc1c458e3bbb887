//! The command's files: what is written, when, and with which permissions.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

const APP: &str = r#"(component (import "fermyon:spin/mqtt@2.0.0" (instance)))"#;

/// A directory with an app in it.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("app.wasm"),
        wat::parse_str(APP).unwrap(),
    )
    .unwrap();
    directory
}

/// Runs a shell script in which `$compose` is the command.
fn shell(directory: &Path, script: &str) -> Output {
    Command::new("sh")
        .args(["-ec", script])
        .env("compose", env!("CARGO_BIN_EXE_compose"))
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs a script that must succeed and returns what it printed.
fn succeed(directory: &Path, script: &str) -> Vec<u8> {
    let output = shell(directory, script);
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Runs a script that must fail with exit code 1 and returns its messages.
fn fail(directory: &Path, script: &str) -> String {
    let output = shell(directory, script);
    assert_eq!(output.status.code(), Some(1), "{script}");
    String::from_utf8(output.stderr).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn is_component(bytes: &[u8]) -> bool {
    wasmparser::Parser::is_component(bytes)
        && wasmparser::Validator::new().validate_all(bytes).is_ok()
}

/// The names of the files in a directory.
fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_result_stands_beside_the_app_as_any_file_does() {
    let directory = directory();
    let path = directory.path();
    succeed(
        path,
        "umask 027; mkdir sub; mv app.wasm sub; $compose sub/app.wasm",
    );
    let result = path.join("sub/app.composed.wasm");
    assert!(is_component(&fs::read(&result).unwrap()));
    assert_eq!(mode(&result), 0o640);
    assert_eq!(files(&path.join("sub")), ["app.composed.wasm", "app.wasm"]);
}

#[test]
fn an_existing_file_is_replaced_and_keeps_its_permissions() {
    let directory = directory();
    let path = directory.path();
    succeed(
        path,
        "echo old > out; chmod 751 out; $compose app.wasm -o out",
    );
    assert!(is_component(&fs::read(path.join("out")).unwrap()));
    assert_eq!(mode(&path.join("out")), 0o751);
}

#[test]
fn a_failure_leaves_an_existing_file_as_it_was() {
    let directory = directory();
    let path = directory.path();
    fail(
        path,
        "echo precious > out; echo '(component)' > no-mqtt.wat; $compose no-mqtt.wat -o out",
    );
    assert_eq!(fs::read(path.join("out")).unwrap(), b"precious\n");
    assert_eq!(files(path), ["app.wasm", "no-mqtt.wat", "out"]);
}

/// The directory takes no more than the size limit lets it: the write fails halfway.
#[test]
fn a_full_disk_leaves_an_existing_file_as_it_was() {
    let directory = directory();
    let path = directory.path();
    let output = shell(
        path,
        "echo precious > out; trap '' XFSZ; ulimit -f 8; $compose app.wasm -o out",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write `out`"));
    assert_eq!(fs::read(path.join("out")).unwrap(), b"precious\n");
    assert_eq!(files(path), ["app.wasm", "out"]);
}

/// The limit on the size of files kills it halfway, as anything else could.
#[test]
fn one_that_is_killed_leaves_an_existing_file_as_it_was() {
    let directory = directory();
    let path = directory.path();
    let output = shell(
        path,
        "echo precious > out; ulimit -f 8; exec $compose app.wasm -o out",
    );
    assert_eq!(output.status.code(), None, "{:?}", output.status);
    assert_eq!(fs::read(path.join("out")).unwrap(), b"precious\n");
    // What it had written has no name that anyone could take it for.
    let left = files(path)
        .into_iter()
        .filter(|name| !name.starts_with(".compose-"));
    assert_eq!(left.collect::<Vec<_>>(), ["app.wasm", "out"]);
}

#[test]
fn links_are_followed() {
    let directory = directory();
    let path = directory.path();
    succeed(path, "mkdir sub; echo old > sub/target");
    symlink("sub/target", path.join("link")).unwrap();
    symlink("sub/new", path.join("dangling")).unwrap();
    for (link, target) in [("link", "sub/target"), ("dangling", "sub/new")] {
        succeed(path, &format!("$compose app.wasm -o {link}"));
        assert!(
            fs::symlink_metadata(path.join(link)).unwrap().is_symlink(),
            "{link}"
        );
        assert!(
            is_component(&fs::read(path.join(target)).unwrap()),
            "{link}"
        );
    }
}

#[test]
fn what_is_no_regular_file_is_written_to() {
    let directory = directory();
    let path = directory.path();
    succeed(path, "$compose app.wasm -o /dev/null; test -c /dev/null");
    assert!(is_component(&succeed(
        path,
        "$compose app.wasm -o /dev/stdout"
    )));
    assert!(is_component(&succeed(
        path,
        "mkfifo pipe; timeout 60 cat pipe & $compose app.wasm -o pipe; wait; test -p pipe"
    )));
}

#[test]
fn the_standard_streams_do_for_files() {
    let directory = directory();
    let path = directory.path();
    let from_file = succeed(path, "$compose app.wasm -o -");
    assert!(is_component(&from_file));
    assert_eq!(succeed(path, "cat app.wasm | $compose - -o -"), from_file);
    assert_eq!(
        succeed(
            path,
            "$compose app.wasm -q -o appended >> both; cat appended"
        ),
        from_file
    );
    let appended = succeed(
        path,
        "printf head > both; $compose app.wasm -o /dev/stdout >> both; cat both",
    );
    assert_eq!(appended, [b"head", from_file.as_slice()].concat());
    let adapter = spin_mqtt_composer::Composer::new().configured_adapter();
    assert!(succeed(path, "$compose adapter -o -") == adapter.unwrap());
}

#[test]
fn the_app_is_never_overwritten() {
    let directory = directory();
    let path = directory.path();
    let app = fs::read(path.join("app.wasm")).unwrap();
    succeed(path, "ln app.wasm hard; ln -s app.wasm soft; mkdir sub");
    for output in ["app.wasm", "./app.wasm", "sub/../app.wasm", "hard", "soft"] {
        let message = fail(path, &format!("$compose app.wasm -o {output}"));
        assert!(message.contains("both read and to be written"), "{message}");
        assert_eq!(fs::read(path.join("app.wasm")).unwrap(), app);
    }
}

/// Root may read and write any file, so that the permissions of one say nothing: `/proc/self/mem` can't be read by
/// anyone at its beginning.
#[test]
#[cfg(target_os = "linux")]
fn unreadable_files_are_told() {
    let directory = directory();
    let message = fail(directory.path(), "$compose /proc/self/mem -o out");
    assert!(
        message.starts_with("error: cannot read `/proc/self/mem`\n  caused by: "),
        "{message}"
    );
}

/// `/proc` takes no new files, from root neither.
#[test]
#[cfg(target_os = "linux")]
fn unwritable_places_are_told() {
    let directory = directory();
    let message = fail(directory.path(), "$compose app.wasm -o /proc/out.wasm");
    assert!(
        message.starts_with("error: cannot write `/proc/out.wasm`\n  caused by: "),
        "{message}"
    );
}

#[test]
fn a_terminal_gets_no_binary() {
    let directory = directory();
    // `script` (util-linux) gives the command a terminal.
    let script = "command -v script > /dev/null || { echo skipped; exit 0; }; \
                  script -qec \"$compose app.wasm -o -\" /dev/null || echo \"exit code $?\"";
    let output = String::from_utf8(succeed(directory.path(), script)).unwrap();
    if output == "skipped\n" {
        eprintln!("skipped: there is no `script` command here to make a terminal");
        return;
    }
    assert!(
        output.contains("the standard output is a terminal"),
        "{output}"
    );
    assert!(output.contains("exit code 1"), "{output}");
}

/// A file that never ends is read up to the limit and no further.
#[test]
#[cfg(target_os = "linux")]
fn an_endless_file_comes_to_an_end() {
    let directory = directory();
    let message = fail(directory.path(), "$compose /dev/zero -o out");
    assert!(message.contains("larger than 256 MiB"), "{message}");
}

/// A manifest with the given text below its version.
fn manifest(directory: &Path, text: &str) {
    let text = format!("spin_manifest_version = 2\n{text}");
    fs::write(directory.join("spin.toml"), text).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn an_endless_manifest_comes_to_an_end() {
    let directory = directory();
    let message = fail(
        directory.path(),
        "ln -s /dev/zero zero.toml; $compose zero.toml",
    );
    assert!(message.contains("larger than 1 MiB"), "{message}");
}

#[test]
fn a_deep_manifest_does_not_exhaust_the_stack() {
    let directory = directory();
    let path = directory.path();
    for text in [
        format!("a = {}", "[".repeat(200_000)),
        format!("a = {}", "{ a = ".repeat(100_000)),
        format!("{} = 1", ["a"; 200_000].join(".")),
        format!("[{}]", ["a"; 200_000].join(".")),
    ] {
        manifest(path, &text);
        let message = fail(path, "$compose spin.toml -o out");
        assert!(message.starts_with("error: cannot use `spin.toml`"));
    }
}

/// Whoever wrote the manifest does not write to the terminal, and not outside of the folder.
#[test]
fn texts_of_a_manifest_do_not_steer_the_terminal() {
    let directory = directory();
    let path = directory.path();
    manifest(
        path,
        r#"
        [component."\u001b[2Jx"]
        source = "app.wasm"
        allowed_outbound_hosts = ["mqtt://h\n", "mqtt://\u001b[2J"]
        [component.y]
        source = "\u001b[2J"
        [component.z]
        source = "app.wasm"
        allowed_outbound_hosts = ["mqtt://{{ \n v \r }}"]
        [variables]
        v = { default = "h" }
        "#,
    );
    for script in [
        "$compose spin.toml",
        "$compose spin.toml --component x",
        "$compose spin.toml --component y",
        "$compose spin.toml --component $(printf '\\033[2Jx')",
    ] {
        let message = fail(path, script);
        assert!(!message.contains('\u{1b}'), "{message:?}");
    }
    let output = shell(path, "$compose spin.toml --component z");
    let summary = String::from_utf8(output.stderr).unwrap();
    assert!(
        summary.contains(r"permits mqtt://{{ \n v \r }}"),
        "{summary:?}"
    );
    assert_eq!(files(path), ["app.wasm", "spin.toml", "z.composed.wasm"]);
}

#[test]
fn all_components_are_written_or_none() {
    let directory = directory();
    let path = directory.path();
    let component = |id, host| {
        format!("[component.{id}]\nsource = 'app.wasm'\nallowed_outbound_hosts = ['{host}']\n")
    };
    manifest(
        path,
        &[component("a", "mqtt://h"), component("b", "h")].concat(),
    );
    fail(path, "$compose spin.toml --all");
    assert_eq!(files(path), ["app.wasm", "spin.toml"]);
    manifest(
        path,
        &[component("a", "mqtt://h"), component("b", "mqtt://i")].concat(),
    );
    succeed(path, "$compose spin.toml --all");
    assert_eq!(
        files(&path.join("composed")),
        ["a.composed.wasm", "b.composed.wasm"]
    );
    let message = fail(path, "echo > file; $compose spin.toml --all -o file");
    assert!(message.contains("cannot make the folder"), "{message}");
}

#[test]
fn a_source_is_read_as_a_file_of_whatever_name() {
    let directory = directory();
    let path = directory.path();
    manifest(path, "[component.a]\nsource = '-'");
    let message = fail(path, "$compose spin.toml < app.wasm");
    assert!(message.contains("must be built first"), "{message}");
    succeed(path, "mv app.wasm ./-; $compose spin.toml");
    manifest(path, "[component.a]\nsource = '.'");
    let message = fail(path, "$compose spin.toml");
    assert!(message.contains("it is a directory"), "{message}");
}

/// Files that the author of a folder lays out in it must not make the command wait, or write elsewhere.
#[test]
fn a_hostile_folder_neither_holds_us_up_nor_leads_us_astray() {
    let directory = directory();
    let path = directory.path();
    manifest(path, "[component.a]\nsource = 'pipe'");
    let message = fail(path, "mkfifo pipe; $compose spin.toml");
    assert!(message.contains("is not a file"), "{message}");

    manifest(path, "[component.a]\nsource = 'app.wasm'");
    let message = fail(
        path,
        "mkdir victim; ln -s victim/file a.composed.wasm; $compose spin.toml",
    );
    assert!(message.contains("symbolic link"), "{message}");
    let message = fail(
        path,
        "rm a.composed.wasm; ln -s victim composed; $compose spin.toml --all",
    );
    assert!(message.contains("symbolic link"), "{message}");
    assert!(files(&path.join("victim")).is_empty());
    // Whoever names a link means it.
    succeed(path, "$compose spin.toml --all -o composed");
    assert_eq!(files(&path.join("victim")), ["a.composed.wasm"]);
}

#[test]
fn no_component_is_overwritten_by_another() {
    let directory = directory();
    let path = directory.path();
    manifest(
        path,
        "[component.a]\nsource = 'app.wasm'\n[component.b]\nsource = 'a.composed.wasm'",
    );
    let message = fail(
        path,
        "cp app.wasm a.composed.wasm; $compose spin.toml --component a",
    );
    assert!(message.contains("both read and to be written"), "{message}");
}

/// Names in a component are its author's, like those in a manifest.
#[test]
fn names_in_a_component_do_not_steer_the_terminal() {
    let directory = directory();
    let path = directory.path();
    let app = r#"(component
        (import "fermyon:spin/mqtt@2.0.0" (instance))
        (import "url=<https://example.com/\1b]0;x\07\0a\0ait may reach\0a  all>" (func)))"#;
    std::fs::write(path.join("names.wat"), app).unwrap();
    let output = shell(path, "$compose inspect names.wat");
    let report = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(report.contains("example.com"), "{report:?}");
    assert!(!report.contains('\u{1b}'), "{report:?}");
    assert!(!report.contains("\nit may reach\n  all"), "{report:?}");
}

/// A manifest of a few bytes for each can't ask for work that grows with the square of them.
#[test]
fn a_manifest_with_too_many_items_is_refused() {
    let directory = directory();
    let path = directory.path();
    let environment: String = (0..5000).map(|i| format!("V{i} = ''\n")).collect();
    manifest(
        path,
        &format!("[component.a]\nsource = 'app.wasm'\n[component.a.environment]\n{environment}"),
    );
    let message = fail(path, "$compose spin.toml");
    assert!(message.contains("more than 4096 items"), "{message}");
}

#[test]
fn what_is_composed_already_and_read_from_standard_input_is_run_from_a_file() {
    let directory = directory();
    let app = r#"(component (import "fermyon:spin/mqtt@2.0.0" (instance)) (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#;
    fs::write(directory.path().join("app.wasm"), app).unwrap();
    let report = succeed(
        directory.path(),
        "\"$compose\" app.wasm -q && \"$compose\" inspect - < app.composed.wasm",
    );
    let report = String::from_utf8(report).unwrap();
    assert!(
        report.ends_with("  jco run app.composed.wasm\n"),
        "{report}"
    );
}
