"""The only code that knows PostgreSQL: the memory of what customers were promised.

A step of a reservation is acknowledged only after it was committed here, and of two steps that
follow the same revision only the first to be committed happened.

- `journal` is what the services use: open, move and void reservations, remember what was answered
  and what the ERP said of an order, and find all of it again.
- `writer` commits steps: those that come while a commit is under way share the next one.
- `lookups` finds what requests wait for, many by one question.
- `codec` writes domain values as rows, and reads them.
- `client` connects (lazily, with deadlines), keeps the schema new, and turns every error into a
  `LedgerUnavailableError`.
- `migrations` brings the schema of `migrations/*.sql` up to date; `statements/*.sql` are all that
  is ever asked of it.
"""
