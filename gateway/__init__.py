"""The gateway: answers stock and price lookups from Redis, whatever the ERP does.

The layers, each importing only those below it::

    api            aiohttp: routes, auth, problems, headers, the OpenAPI document
    services       the use cases: stock and price lookups, checkout, the worker's own copies
    near_cache     bounded copies that the change channel evicts
    tokens         the only code that knows JWT: customers' tokens in, signed prices out
    store          the only code that knows Redis: keys, codec, client, scripts
    ledger         the only code that knows PostgreSQL: what was promised, and who was first
    deadlines      for answers over the network; a busy loop does not count; serves store and ledger
    gathering      questions of one turn, asked together; serves store and ledger
    turns          how much of what adds up is done in one turn of the loop; serves services and api
    words          the languages that there are words for, and the words; serves config, wiring, api
    domain         pure: levels, spans, delivery promise, money, price resolution, errors
    observability  events, logs, metrics, when an event is an alert; serves all, knows none

`config` reads the settings, `wiring` makes the parts from them, and the command
(`stockspan serve`) runs as many workers as it is told. The loaders, which keep the store warm,
are a package of their own: the two meet only in Redis.

One lookup, `GET /v1/stock/A%2F12?quantity=3` with `Accept-Language: sv`, from end to end:

1. `api.server` has accepted the connection; `api.cors` and `api.boundary` stand around every
   handler, so that each answer, errors included, is counted and may be read by a shop's page.
2. `api.stock.StockHandlers.one` finds out who asks (`api.auth`: nobody in particular), takes the
   SKU `A/12` from the path whole, and makes the parameters into a `StockContext`: the default
   channel, Swedish, 3000 thousandths, nothing exact (`api.parameters`, `api.languages`).
3. `services.lookups.StockLookups.answer` takes the worker's copy of locations and feeds
   (`services.directory`, kept new by `store.changes`); a store that is cold ends here as
   `NotReadyError`, never as "out of stock".
4. `store.stock.StockStore.read` fetches the SKU's one value (`store.keys`: all of a SKU shares a
   hash tag) within the deadline of `store.client`, and `store.codec` decodes it into the product
   and its level at each location.
5. `services.answering` judges it from a `Standpoint` (`services.standpoints`), which is the same
   for all SKUs asked for so, and `domain` does the rest: what is salable where the channel ships
   from (`stock`), the span it lies in and the status, colour and symbol of that (`spans`), the
   words (`labels`), the days (`delivery`), and how old the figure may be called (`freshness`). A
   stranger's answer is made from the span alone.
6. `api.stock` writes the `StockAnswer` down as a `StockItem` (`api.shapes`) and adds what caches
   live by (`api.caching`): how old it is, and a validator over all but `as_of`.

What a stranger was told is kept as it was sent (`services.kept_answers`), and told again until the
change channel says otherwise, or goes unheard (`services.hearing`, docs/adr/0023): `api.prompt`
writes it as soon as the request has arrived, which `api.shortcut` has read.

Why an answer is what it is, `GET /v1/explain/…`, is found by the very steps that make it:
`services.stock_explanations` goes them again and tells of each, `services.hold_traces` finds what
takes units, and `services.price_explanations` the lists that apply.

A price lookup, `POST /v1/prices/query`, goes the same way. `services.prices` takes what it can from
the `price_book`: heads of lists, the customer, the SKUs and the rows of the customer's own lists.
What is missing is read in two round trips at most (`store.prices`). `services.price_terms` keeps a
buyer's circumstances compiled until something in them changes, and `domain.pricing` resolves a
SKU's offers into terms, once for all buyers of whom the same lists apply; a line is then one look
into them and three sums. `services.checkout` puts stock, prices and rules on quantities together,
and `tokens` signs the prices.

A checkout, `POST /v1/checkout`, that wants its figures confirmed waits for the ERP, though the
gateway never calls it: `services.confirming` chooses the SKUs, `store.refresh` posts a request,
which the loaders hear, and is told on the change channel what came of it (docs/adr/0019). Then
stock is read once more.

A reservation, `POST /v1/reservations`, is the one thing that writes (docs/adr/0012).
`services.taking` reads what is there, `domain.allocation` says from where to take it, and
`store.holds` takes it, a script (`store/scripts/hold.lua`) at each SKU. `ledger.journal` writes the
promise down, many in one commit; `store.holds` settles it. `services.stepping` leads it on,
`services.upkeep` looks after what broke on the way, `services.restoration` after a store that lost
something.

While the store is away, `services.last_known` and the price book tell what the worker knew last,
for a while, and no younger than the change channel told (docs/adr/0017).

What happens and is worth telling of is an event (`observability.events`): a `recorder` takes it and
never waits, `store.event_writer` carries it into the journal, and the loaders make alerts of it.

An operator's page asks for one document, `GET /v1/ops/state`: `services.directory` has the feeds,
`observability.figures` reads few figures from the metrics of every worker (`api.siblings`), and
`services.promise_tally` counts promises. What is to be done with a feed `services.feed_desk` asks
of the loader that leads.

What goes wrong on the way is an error of `domain.errors`; `api.problems` is the one table that
turns it into problem+json.
"""
