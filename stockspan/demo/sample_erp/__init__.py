"""The ERP of the demo: a hardware wholesaler in one PostgreSQL database.

`schema.sql` holds the tables of its stock and two bookings, `trade.sql` those of its customers and
prices, `orders.sql` those of its orders, and what may be done with them. `catalogue.toml` says what
it sells, `trade.toml` to whom and for how much. From these and a fixed seed `generate` makes all
`rows`: articles and stock itself, and through `trade` the `customers`, the `price_books` with
`list_prices`, and the `agreements`; `past_orders` adds what was ordered lately. `load` copies them
in. `feeds.toml` are the queries that map it onto Stockspan's records. `till` keeps selling, `clerk`
accepts orders and sends them off. Described in docs/sample-erp.md.
"""
