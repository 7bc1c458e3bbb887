;; A core module that no Spin SDK made.
(module (func (export "run")))
