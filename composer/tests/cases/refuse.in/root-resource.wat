;; An app whose world has a resource type outside of an interface.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (import "cat" (type $cat (sub resource)))
  (import "pet" (func (param "it" (borrow $cat))))
)
