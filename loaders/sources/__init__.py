"""Where records come from. Each source yields lines of canonical JSON and nothing else.

`postgres` runs a query whose columns are the canonical fields, whole or for what an outbox says has
changed (`postgres_outbox`), `files` reads a folder that is
proved by its manifest, `http` reads pages of a REST API through a mapping, `push` takes requests on
the loaders' own address.
"""
