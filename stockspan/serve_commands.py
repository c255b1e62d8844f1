"""The words `stockspan serve`, and what it starts: gateway processes."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.config.file import find_file, load_settings, with_gateway
from gateway.observability.logs import configure_logs
from gateway.wiring.token_keys import require_token_keys
from stockspan.invocation import Config, run


def serve(
    *,
    config: Config = None,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
) -> int:
    """Run the gateway.

    Parameters
    ----------
    host
        Overrides gateway.host.
    port
        Overrides gateway.port.
    workers
        Overrides gateway.workers: processes that share the port; more than cores are of no use.
    """
    configure_logs()
    path = find_file(config, os.environ)
    given = {"host": host, "port": port, "workers": workers}
    settings = with_gateway(load_settings(path), {k: v for k, v in given.items() if v is not None})
    # Found here, it ends the command; found by workers, each would be replaced for ever.
    require_token_keys(settings)
    if settings.gateway.workers == 1:
        from stockspan import working

        return working.alone(settings)
    # It serves nothing itself, and starts sooner without what does.
    from stockspan.workers.supervisor import supervise

    return run(supervise(settings, path))


def worker(
    *,
    config: Config = None,
    host: str,
    workers: int,
    place: int,
    folder: Path,
    socket: list[int],
    replaced: int = 0,
) -> int:
    """One gateway process of `serve --workers`; ends when its standard input closes."""
    from stockspan import working

    configure_logs()
    given = {"host": host, "workers": workers}
    settings = with_gateway(load_settings(find_file(config, os.environ)), given)
    return working.work(settings, working.Seat(place, folder, tuple(socket), replaced))
