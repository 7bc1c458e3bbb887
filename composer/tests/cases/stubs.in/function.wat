;; A function under the name of an interface.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (import "acme:shop/orders@1.0.0" (func))
)
