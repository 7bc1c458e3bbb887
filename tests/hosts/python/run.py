"""Runs a command component with wasmtime for Python: `run.py COMPONENT`. It has the network and our environment.

The package wraps all that this takes but the network: those two functions of its C API are called as they are.
"""

import sys

from wasmtime import Config, Engine, Store, WasiConfig, _bindings
from wasmtime.component import Component, Linker

engine_config = Config()
engine_config.cache = True
engine = Engine(engine_config)
linker = Linker(engine)
linker.add_wasip2()

wasi = WasiConfig()
wasi.inherit_env()
wasi.inherit_stdout()
wasi.inherit_stderr()
_bindings.wasi_config_inherit_network(wasi.ptr())
_bindings.wasi_config_allow_ip_name_lookup(wasi.ptr(), True)
store = Store(engine)
store.set_wasi(wasi)

component = Component.from_file(engine, sys.argv[1])
instance = linker.instantiate(store, component)
(interface,) = (name for name in component.type.exports(engine) if name.startswith("wasi:cli/run@"))
run = instance.get_func(store, instance.get_export_index(store, "run", instance.get_export_index(store, interface)))
if run(store).tag != "ok":
    sys.exit("the component failed")
