"""`stockspan demo`: everything on one machine, to look at and to try out.

`run` starts it all, `supervisor` watches it, `folder` knows the files of its data folder,
`settings` writes `stockspan.toml`, `access` makes the keys and `key_pairs` what signs tokens,
`report` tells the newcomer. `sample_erp` is the ERP in PostgreSQL: schema, catalogue, customers and
prices, feeds, and the till that keeps selling in it. `shop` shows a page.
"""
