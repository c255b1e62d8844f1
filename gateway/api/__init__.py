"""HTTP: thin handlers over the services, one translation of errors, and what operators look at.

- `app` puts routes and middlewares together; `server` listens and stops in good order,
  `connections` says who may stay connected without getting anywhere, `siblings` are the workers
  that share the address.
- `gate` lets requests begin by their `ranks`, a few at a time (`admission`); `pressure` refuses
  before anybody is woken (`envelopes`, `refusals`).
- `stock` answers lookups: `parameters` reads what was asked, `showing` finds or makes what is
  shown, `stock_fragments` writes it down as `shapes` has it, `caching` adds the headers by which
  caches and browsers live.
- `prompt` answers the plainest requests before anybody is woken; `shortcut` knows their answers,
  `heads` header lines that were read before, `fetching` looks up what is not at hand, for many
  together, and `raw_answers` writes down what went wrong (`unknown_skus`: what nobody knows).
- `prices` answers for one buyer: `price_parameters` reads what was asked, `price_access` decides
  who may ask it, `price_fragments` writes lines down as `price_shapes` has them.
- `explain` says why an answer is what it is; `explain_wording` writes that down as `explain_shapes`
  has it.
- `ops_page` serves the operator's page, which is a file without data (`static/ops`).
- `state` tells operators of everything as `state_shapes` has it, and passes on what they ask of
  feeds; `ops` is for machines that look after a worker.
- `checkout` looks a cart up, with modules of the same kind beside it.
- `fields` reads single fields of a request, `bodies` whole bodies, `percent` what addresses encode;
  `moments` go out.
- `problems` turns every error into problem+json, `auth` finds out who asks, `cors` which pages may.
- `routes` describes an operation beside its handler; `openapi` is generated from that.
"""
