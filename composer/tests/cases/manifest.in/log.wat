;; A dependency with an interface of the right types, and one of others.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "put") (param i32 i32) unreachable)
    (func (export "count") (param i32) unreachable)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  (func $put (param "line" string) (canon lift (core func $i "put") (memory $i "memory") (realloc (core func $i "realloc"))))
  (func $count (param "line" u32) (canon lift (core func $i "count")))
  (instance $lines (export "put" (func $put)))
  (instance $others (export "put" (func $count)))
  (export "acme:log/lines" (instance $lines))
  (export "acme:log/others" (instance $others))
)
