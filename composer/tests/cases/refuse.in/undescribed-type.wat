;; A core module that does not describe itself, and imports a function of MQTT with other parameters than it has.
(module
  (import "fermyon:spin/mqtt@2.0.0" "[static]connection.open" (func (param i32) (result i32))))
