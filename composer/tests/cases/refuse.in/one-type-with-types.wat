;; The same, with a type in it.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (type $shop (instance (type $size (enum "s" "l")) (export "size" (type (eq $size)))))
  (import "acme:shop/cart" (instance (type $shop)))
  (import "acme:shop/till" (instance (type $shop))))
