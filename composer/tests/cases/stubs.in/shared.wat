;; An app that hands a resource of Spin's to who calls it.
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
  (import "fermyon:spin/key-value@2.0.0" (instance $kv
    (export "store" (type $store (sub resource)))
    (export "open" (func (result (own $store))))))
  (alias export $kv "store" (type $store))
  (alias export $kv "open" (func $open))
  (instance $shop (export "store" (type $store)) (export "open" (func $open)))
  (export "acme:shop/shop" (instance $shop))
)
