"""The only code that knows Redis: keys, codec, scripts, and one translation of its errors.

- `keys` spells every key and message; `entries` frames records, `codec`, `price_codec` and
  `customer_codec` write what is in them.
- `scripts/put.lua` is the one way a record changes: newer wins, the change is published once.
- `client` connects (retries off, deadlines) and turns every error into a `StockspanError`.
- `stock` and `prices` read (`scripts/rows.lua`: the rows of a list), `scans` walks over all there
  is, `bulk` writes many, `feeds` keeps what is known of each feed, `changes` listens.

The same code runs on one Valkey and on a Redis Cluster: all keys of a SKU share a hash tag, and
no script touches two keys.
"""
