"""HTTP: thin handlers over the services, one translation of errors, and what operators look at.

- `app` puts routes and middlewares together; `server` listens and stops in good order.
- `stock` answers lookups: `parameters` reads what was asked, `shapes` says what goes out,
  `caching` adds the headers by which caches and browsers live.
- `problems` turns every error into problem+json, `auth` finds out who asks, `cors` which pages may.
- `routes` describes an operation beside its handler; `openapi` is generated from that.
"""
