;; An app of spin-sdk 5 for Python, which imports both.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (import "spin:mqtt/mqtt@3.0.0" (instance
    (export "connection" (type $connection (sub resource)))
    (export "[static]connection.open" (func async (param "address" string) (result (own $connection))))))
  (core module (@producers (processed-by "componentize-py" "0.25.0")))
  (instance $handler)
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
)
