;; Not an adapter.
(component (instance $i) (export "acme:log/log" (instance $i)))
