;; The core module of the component that stubs call. It writes one line to standard error: a text, the name of the function that
;; was called, and a text.
(module
  (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $get-stderr (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param $stream i32) (param $start i32) (param $size i32) (param $result i32)))

  ;; At 0 what $write returns, at 38 the line, and so from 64 on the name.
  (memory (export "memory") 1)
  (data (i32.const 38) "spin-mqtt: the app called ")
  (data $rest ", a stub: nothing provides it here (compose --stub-unresolved)\n")

  ;; The name is all that is put here. Of a line, hosts take 4096 bytes at once; stubs shorten what is longer.
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (if (i32.gt_u (local.get $size) (i32.const 3072)) (then (unreachable)))
    (i32.const 64))

  (func (export "spin-mqtt:stubs/report@0.1.0#report") (param $name i32) (param $size i32)
    (memory.init $rest (i32.add (i32.const 64) (local.get $size)) (i32.const 0) (i32.const 63))
    (call $write
      (call $get-stderr) (i32.const 38) (i32.add (local.get $size) (i32.const 89)) (i32.const 0))))
