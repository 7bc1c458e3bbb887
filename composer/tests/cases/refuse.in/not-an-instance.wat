;; An app that imports a function by the interface's name.
(component
  (import "fermyon:spin/mqtt@2.0.0" (func))
  (instance $handler)
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
)
