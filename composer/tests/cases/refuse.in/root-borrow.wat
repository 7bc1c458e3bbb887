;; A function outside of an interface that borrows a resource of one.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable'))
  (import "pollable" (type $pollable (eq $pollable')))
  (import "wait" (func (param "until" (borrow $pollable))))
)
