"""The ERP of the demo: a hardware wholesaler in one PostgreSQL database.

`schema.sql` holds its tables and two bookings, `catalogue.toml` what it sells, `generate` makes
all `rows` from a fixed seed, `load` copies them in. `feeds.toml` are the queries that map it onto
Stockspan's records. `till` keeps selling. Described in docs/sample-erp.md.
"""
