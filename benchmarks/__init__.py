"""What Stockspan costs, measured as ratios of things run in turns in one go.

`scripts/bench` runs all, `scripts/bench snapshot` one, `--quick` a smaller form. Results are
written to `benchmarks/results/`, and at the end come a table of the figures that have a bound
(`judged`) and a page with charts (`page`). A machine is noisy: an absolute time here proves
nothing, a ratio of medians with its spread says something.

- `snapshot`     rows a second from PostgreSQL into Valkey, against the same rows as plain HSETs
- `flatness`     the loader's memory, from ten thousand rows to half a million
- `propagation`  from the ERP's commit to the gateway's changed answer
- `confirmations` calls of the ERP for a thousand confirmations, and what a caller waits beyond one
- `outage`       p99 of answers with a broken ERP, against that with a whole one
- `overload`     goodput at ten times the load, and p99 at half of it
- `memory`       bytes of Valkey a SKU takes
- `badges`       badges a second: FastAPI with redis-py, webdis, a constant body, the store alone
- `near_cache`   how late a change is seen where answers are kept, and what one takes of memory
- `curves`       badges a second by SKUs asked for, catalogue, connections, workers, kept answers
- `prices`       50-line price queries a second, against one SQL query and against doing nothing
- `price_memory` bytes of Valkey a contract row, a SKU with its price and a customer take
- `resolution`   resolving a price alone, by the number of candidates
- `reservations` pairs of hold and confirm a second, against `SELECT … FOR UPDATE`
- `hold_scripts` what each step of a hold costs Valkey, by how many are open for the SKU
"""
