;; A core module that does not describe itself: it imports by the names of the canonical ABI, as clang and Go let one write
;; them, and is a command.
(module
  (import "fermyon:spin/mqtt@2.0.0" "[static]connection.open"
    (func (param i32 i32 i32 i32 i32 i32 i64 i32)))
  (import "fermyon:spin/mqtt@2.0.0" "[resource-drop]connection" (func (param i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
  (func (export "wasi:cli/run@0.2.0#run") (result i32) (i32.const 0)))
