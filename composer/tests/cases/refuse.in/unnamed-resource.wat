;; An app that imports an interface with a function of a resource type which only another interface names.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (import "acme:cats/cats" (instance $cats (export "cat" (type (sub resource)))))
  (alias export $cats "cat" (type $cat))
  (import "acme:cats/pets" (instance
    (alias outer 1 $cat (type $outer))
    (export "pet" (func (param "it" (borrow $outer))))))
)
