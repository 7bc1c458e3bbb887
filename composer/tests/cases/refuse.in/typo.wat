(component
  (import "a" (func)
