;; An app that asks for MQTT and serves HTTP.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance $mqtt
    (type $error' (variant
      (case "invalid-address") (case "too-many-connections") (case "connection-failed" string) (case "other" string)))
    (export "error" (type $error (eq $error')))
    (type $qos' (enum "at-most-once" "at-least-once" "exactly-once"))
    (export "qos" (type $qos (eq $qos')))
    (type $payload' (list u8))
    (export "payload" (type $payload (eq $payload')))
    (export "connection" (type $connection (sub resource)))
    (export "[static]connection.open" (func
      (param "address" string) (param "username" string) (param "password" string)
      (param "keep-alive-interval-in-secs" u64)
      (result (result (own $connection) (error $error)))))
    (export "[method]connection.publish" (func
      (param "self" (borrow $connection)) (param "topic" string) (param "payload" $payload) (param "qos" $qos)
      (result (result (error $error)))))))
  (import "wasi:clocks/monotonic-clock@0.2.3" (instance (export "now" (func (result u64)))))
  (instance $handler)
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
)
