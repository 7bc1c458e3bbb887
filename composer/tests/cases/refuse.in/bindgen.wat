;; A core module of a wit-bindgen from the future.
(module (@custom "component-type:wit-bindgen:9.9.9:app" "\09\00\00"))
