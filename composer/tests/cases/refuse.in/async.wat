;; An app of spin-sdk 6.
(component
  (import "spin:mqtt/mqtt@3.0.0" (instance
    (export "connection" (type $connection (sub resource)))
    (export "[static]connection.open" (func async (param "address" string) (result (own $connection))))))
  (instance $handler)
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
)
