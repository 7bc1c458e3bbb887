;; A dependency that needs nothing.
(component
  (core module $m (memory (export "memory") 1) (func (export "greet") (result i32) unreachable))
  (core instance $i (instantiate $m))
  (func $greet (result string) (canon lift (core func $i "greet") (memory $i "memory")))
  (instance $hello (export "greet" (func $greet)))
  (export "acme:greeting/hello@0.1.0" (instance $hello))
)
