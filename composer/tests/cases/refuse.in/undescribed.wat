;; A core module that does not describe itself, and imports more than `compose` knows by name.
(module
  (import "fermyon:spin/mqtt@2.0.0" "[resource-drop]connection" (func (param i32)))
  (import "acme:shop/cart" "buy" (func)))
