;; A core module whose metadata is a component, but none that describes a world.
(module (@custom "component-type:app" "\00asm\0d\00\01\00"))
