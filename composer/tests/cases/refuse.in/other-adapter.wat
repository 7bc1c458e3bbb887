;; An adapter whose connections can't publish.
(component
  (import "open" (func $open (param "address" string)))
  (instance $mqtt (export "open" (func $open)))
  (export "fermyon:spin/mqtt@2.0.0" (instance $mqtt))
)
