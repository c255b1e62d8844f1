"""Settings: one TOML file, every value also by environment (`STOCKSPAN_SECTION__NAME`).

`settings` lists what can be set, `values` says what is allowed where a type cannot, `file` reads
them and turns every mistake into one line. The command alone reads them and hands them down.
"""
