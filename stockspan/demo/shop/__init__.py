"""The sample shop: one page a wholesaler might have, served by `server` beside the demo.

It shows `<stock-badge>` from the gateway and sells in the ERP; it never writes to Stockspan. What a
customer pays, and what of a cart can be had, it asks on the server's side (`prices`, `checkout`,
`reservations`), where the keys are. The page is modules of one noun each, which `shop.js` puts
together; its words are a file a language (`words/`), and a language more is one more file.
"""
