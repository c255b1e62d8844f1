"""The command `stockspan`: the one place where gateway and loaders come together.

`command` reads the settings and wires what each subcommand needs; `workers` looks after several
gateways at one address. `demo` runs everything on
one machine with a sample ERP. `embedded` starts the real servers that the demo and the tests
use. Nothing in `gateway` or `loaders` imports from here.
"""
