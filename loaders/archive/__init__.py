"""An archive: all that feeds have brought into a store, as one file, to warm another without them.

It is compressed NDJSON (gzip). The first line says what it is and names the feeds with their
states; then comes a line for every record, in its canonical form, with what only the store knows
of it; the last line counts them and has the SHA-256 of all before it, so that a file that was cut
is refused::

    {"stockspan_archive":1,"made_at":"…","feeds":[{"name":"stock","number":1,"state":{…}}, …]}
    {"kind":"stock","feed":1,"at":1795255200000,"version":7,"record":{"sku":"A","location":"W1",…}}
    …
    {"end":true,"counts":{"stock":1, …},"sha256":"…"}

`at` is the moment of the record (the ERP's `updated_at`, else its arrival), `flags` what it is
beside a plain record (`gateway.store.entries.Flag`); a tombstone has the record's key and
`"delete":true`. What customers were promised is not in it: that is the ledger's (docs/adr/0016).
"""
