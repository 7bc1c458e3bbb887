;; It exports a function that it does not have.
(component (export "run" (func 7)))
