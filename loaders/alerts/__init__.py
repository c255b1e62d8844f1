"""Tells people of events: by mail and by webhook, from whichever loader leads.

1. `following` reads the journal from where it was left (and, while the store is away, what this
   process itself has seen) and hands the events to the `desk`.
2. The `desk` lets `gateway.observability.alerts` judge them, makes of each alert a letter for
   everyone who is to have it, and writes all of it down in the store: how far the journal was read,
   how matters stand, and which letters are not delivered yet.
3. A `courier` for each channel (`smtp`, `webhook`, made of settings by `channels`) delivers them in
   its own time. A letter goes from the desk when it has been taken, not before: after a crash one
   may come twice, with the same id.

`wording` is what people and machines read.
"""
