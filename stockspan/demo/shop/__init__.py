"""The sample shop: one page a wholesaler might have, served by `server` beside the demo.

It shows `<stock-badge>` from the gateway and sells in the ERP; it never writes to Stockspan. What a
customer pays it asks on the server's side (`prices`), where the key is.
"""
