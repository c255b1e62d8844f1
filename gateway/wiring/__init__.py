"""Puts a gateway together from its settings: the parts, and who is handed what.

Nothing here decides anything. `assembly` is the list of what a worker consists of; `promising` that
of what makes promises; `selling`, `token_keys` and `connections` make values of settings.
"""
