;; Two interfaces with one and the same definition.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (type $shop (instance (export "buy" (func))))
  (import "acme:shop/cart" (instance (type $shop)))
  (import "acme:shop/till" (instance (type $shop))))
