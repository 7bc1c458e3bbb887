;; An app with imports that other components fill.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (import "acme:greeting/hello@0.1.0" (instance (export "greet" (func (result string)))))
  (import "acme:log/lines" (instance (export "put" (func (param "line" string)))))
  (instance $handler)
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
)
