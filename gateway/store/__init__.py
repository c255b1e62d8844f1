"""The only code that knows Redis: keys, codec, scripts, and one translation of its errors.

- `keys` spells every key and message; `entries` frames records, `codec`, `price_codec`,
  `customer_codec` and `ack_codec` write what is in them.
- `scripts/put.lua` is the one way a record changes: newer wins, the change is published once.
- `leadership` says which loader leads; its `fence` refuses what others write, in the same script.
- `acks` is the inbox of the ERP's acknowledgements, from which they are taken
  (`scripts/take_acks.lua`).
- `holds` takes units and gives them back, a script at each SKU (`scripts/taken.lua` says what all
  of them share); `due` finds what lapses or is in doubt, `claims` marks idempotency keys.
- `lane` asks together what many requests ask of one turn.
- `client` connects (retries off, deadlines) and turns every error into a `StockspanError`.
- `stock` and `prices` read (`scripts/rows.lua`: the rows of a list), `scans` walks over all there
  is, `bulk` writes many, `feeds` keeps what is known of each feed, `changes` listens,
  `echoes` calls to itself.
- `event_journal` keeps what happened, each event once (`scripts/event_append.lua`), `event_writer`
  carries it there, and `alert_shelf` keeps how alerts stand (`scripts/alerts_keep.lua`).
- `feed_requests` carries what operators ask of the leader, and its answers.

The same code runs on one Valkey and on a Redis Cluster: all keys of a SKU share a hash tag, and
no script touches two slots.
"""
