;; An app that asks for a function which Spin does not have.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance
    (export "connection" (type $connection (sub resource)))
    (export "[method]connection.subscribe" (func (param "self" (borrow $connection)) (param "topic" string)))))
  (instance $handler)
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
)
