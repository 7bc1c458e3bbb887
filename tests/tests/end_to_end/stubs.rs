//! Stubs let an app start that imports what its host lacks, and say what was called when one is called.

use std::{fs, path::Path, time::Duration};

use anyhow::{Result, ensure};
use end_to_end::{compose, host, process::Finished};

/// A command that imports, beside MQTT, two versions of a package, with resources and with types of WASI, and a function at
/// the root. What it calls stands in the place of `CALL`.
const APP: &str = r#"(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "acme:shop/prices@1.0.0" (instance $prices (type $p u32) (export "price" (type (eq $p)))))
  (alias export $prices "price" (type $price))
  (import "acme:shop/cart@1.0.0" (instance $cart-1
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $pollable (eq $p)))
    (alias outer 1 $price (type $n))
    (export "price" (type $price (eq $n)))
    (export "cart" (type $cart (sub resource)))
    (export "[constructor]cart" (func (param "owner" string) (result (own $cart))))
    (export "[method]cart.add" (func (param "self" (borrow $cart)) (param "what" (list string)) (result $price)))
    (export "[method]cart.delivered" (func (param "self" (borrow $cart)) (result (own $pollable))))
    (export "[static]cart.total" (func (param "until" (list (borrow $pollable))) (result u64)))))
  (import "acme:shop/cart@2.0.0" (instance $cart-2
    (export "cart" (type $cart (sub resource)))
    (export "total" (func (param "rates" (tuple f32 f64 s64)) (result f64)))))
  (import "measure" (func $measure (param "of" string) (result string)))

  (core module $libc
    (memory (export "memory") 32)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $libc (instantiate $libc))
  (core func $new (canon lower (func $cart-1 "[constructor]cart") (memory $libc "memory")))
  (core func $total (canon lower (func $cart-1 "[static]cart.total") (memory $libc "memory")))
  (core func $rated (canon lower (func $cart-2 "total")))
  (core func $measure (canon lower (func $measure) (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "" "new" (func $new (param i32 i32) (result i32)))
    (import "" "total" (func $total (param i32 i32) (result i64)))
    (import "" "rated" (func $rated (param f32 f64 i64) (result f64)))
    (import "" "measure" (func $measure (param i32 i32 i32)))
    (func (export "run") (result i32) CALL (i32.const 0)))
  (core instance $main (instantiate $main (with "" (instance
    (export "new" (func $new)) (export "total" (func $total)) (export "rated" (func $rated))
    (export "measure" (func $measure))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run))
)"#;

/// Composes the app with stubs and runs it.
fn run(call: &str) -> Result<Finished> {
    let folder = tempfile::tempdir()?;
    let (app, composed) = (
        folder.path().join("app.wat"),
        folder.path().join("app.wasm"),
    );
    fs::write(&app, APP.replace("CALL", call))?;
    compose::compose(&app, &composed, &["--stub-unresolved"])?;
    run_component(&composed)
}

fn run_component(component: &Path) -> Result<Finished> {
    host::run(component, &[], [], Duration::from_secs(60))
}

#[test]
fn an_app_that_calls_no_stub_runs() -> Result<()> {
    let finished = run("")?;
    ensure!(finished.status.success(), "{finished}");
    ensure!(finished.stderr.is_empty(), "{finished}");
    Ok(())
}

#[test]
fn a_call_of_a_stub_says_what_was_called_and_traps() -> Result<()> {
    for (call, name) in [
        (
            "(drop (call $new (i32.const 0) (i32.const 5)))",
            "`cart` of `acme:shop/cart@1.0.0`",
        ),
        (
            "(drop (call $total (i32.const 0) (i32.const 0)))",
            "`cart.total` of `acme:shop/cart@1.0.0`",
        ),
        (
            "(drop (call $rated (f32.const 0) (f64.const 0) (i64.const 0)))",
            "`total` of `acme:shop/cart@2.0.0`",
        ),
        (
            "(call $measure (i32.const 0) (i32.const 1) (i32.const 8))",
            "`measure`",
        ),
        // The arguments take more memory than a stub begins with.
        (
            "(call $measure (i32.const 0) (i32.const 2000000) (i32.const 8))",
            "`measure`",
        ),
    ] {
        let finished = run(call)?;
        ensure!(!finished.status.success(), "{call}: {finished}");
        let line = format!(
            "spin-mqtt: the app called {name}, a stub: nothing provides it here (compose --stub-unresolved)\n"
        );
        ensure!(finished.stderr.starts_with(&line), "{call}: {finished}");
        // And in the trace of where it trapped, for a host whose standard error goes nowhere.
        let frame = format!("!{name} is a stub");
        ensure!(finished.stderr.contains(&frame), "{call}: {finished}");
        ensure!(
            finished.stderr.contains("unreachable"),
            "{call}: {finished}"
        );
    }
    Ok(())
}
