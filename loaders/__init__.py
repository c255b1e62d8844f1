"""Keeps Redis warm from the ERP: reads it, checks what it says, and writes what is newer.

Of all loaders one leads (`leader`), the others stand by; for as long as it leads, `schedule` keeps
every feed with a `keeper`. One sync from end to end, here a snapshot of the feed `stock` from
PostgreSQL:

1. Its `keeper` finds it due, asks its `breaker`, and opens a reading (`reading.Reading`) at the
   feed's source:
   `sources.postgres` runs the feed's query, the mapping, and yields lines of JSON.
   `sources.files` yields the same from a folder, `sources.push` from a request, and `sources.http`
   from an ERP's REST API: `http_erp` asks (`http_auth`, `http_pace`), `http_paging` finds the next
   page, `http_page` reads one, and `mapping` makes lines of its rows.
2. `ingest` begins a new round of the feed (`feedbook`) and hands each chunk of lines to its
   `intake`: `validation` makes `records` of them, and the kind's `operations` (`levels`,
   `catalogue`, `price_rows`, `agreements`, `orders`) check their `fields` and make each an
   operation of the store's script, at its spot (`spots`; for price rows `placements` asks where).
   A row that is wrong is tallied (`outcome`) with a reason (`reasons`), and what is held of it
   stays.
3. The commands go to a `spool` on disk (`staging`), the keys they are about into `seen`.
4. At the end, the reading proves that it is whole; `holdings` compares it with what the feed has
   in the store; `guard` judges whether it would empty the shop.
5. Only now it is written (`gateway.store.bulk`): the staged rows, then the removal of what the
   snapshot lacked. `states` says what the feed's register keeps of it: verified through the
   moment at which the reading began.

A snapshot that is held back in step 4 is `kept`; `answering` does what operators ask (`release`).

When all that happens is in its `agenda`, and at which times of the day in a `timetable`. A
reconcile is a snapshot of which only what differs from what is held is written: the `sieve` in step
3 finds that, and counts it as drift, with what step 5 removes. What the next delta would bring, the
source tells apart (docs/adr/0021).

A delta takes the same way through the intake, without staging: each chunk is written at once. How
soon the next is due when the source tells of changes, `delta_pace` says. Where an ERP has an outbox
(`sources.outbox_sql` installs it), `sources.postgres_outbox` reads there which keys have changed
(`sources.outbox`), and how far that may be believed (`sources.outbox_mark`);
`sources.postgres_notices` hears of it, and `outbox_watch` says which keepers that wakes.
What a gateway wants confirmed takes the same way too: `refresh` hears the requests, the feed's
`refresh_desk` gathers them, within its `budgets`, into one call for those SKUs
(`sources.postgres_skus`), and `sku_rows` says what the answer is worth.

While nobody asks for that, an `audit` draws `samples` of what is held, and `audit_rows` compares
them with the ERP's own: so it is known how right a feed is (`auditing` makes one for each). Whom
either may ask, and how often, is in `sku_sources`.

`archive` saves what all feeds have brought as a file, and brings it back into an empty store.

`load` puts it all together for the commands `stockspan load` and `stockspan check`; what the latter
says is in `findings`, what it shows of the first rows in `trials`, and `ties` finds prices that
only their list's id tells apart.

Beside the feeds, `alerts` tells people of what all processes record, and `metrics_address` tells
Prometheus of what this loader did. It and pushes are served at `addresses`, and refused with
`problems`.
"""
