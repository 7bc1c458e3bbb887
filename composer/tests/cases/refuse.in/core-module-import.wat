;; An app that imports a core module, which WIT can't say.
(component
  (import "fermyon:spin/mqtt@2.0.0" (instance))
  (import "plugin" (core module (type $cat (struct)) (import "cats" "pet" (func (param (ref null $cat))))))
)
