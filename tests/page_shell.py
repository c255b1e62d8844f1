"""Runs the commands of a page as its reader would: in one shell, from top to bottom."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stockspan.embedded.binaries import postgres_binary
from tests.pages import ROOT, Block
from tests.running_demo import RunningDemo
from tests.unmeasured import unmeasured

# The addresses that all pages name, for the demo that is asked in their place.
_GATEWAY: Final = "http://127.0.0.1:8080"
_INGEST: Final = "http://127.0.0.1:8090"
_SECONDS: Final = 30
_MARK: Final = "\x1e"

# Notes what was called and answered; that something was refused is a mistake of the page.
_CURL: Final = """\
#!{python} -IS
import json, subprocess, sys
ran = subprocess.run(
    ["/usr/bin/env", "-S", "curl", "-sS", "--fail-with-body",
     "-w", "%{{stderr}}\\x1e%{{method}} %{{url_effective}} %{{http_code}}", *sys.argv[1:]],
    env={{"PATH": {path!r}}}, capture_output=True,
)
said, _, calls = ran.stderr.partition(b"\\x1e")
method, url, status = calls.decode().split(" ")
with open({calls!r}, "a") as file:
    file.write(json.dumps([method, url, int(status), ran.stdout.decode()]) + "\\n")
sys.stdout.buffer.write(ran.stdout)
sys.stderr.buffer.write(said)
sys.exit(ran.returncode)
"""
_STOCKSPAN: Final = """\
#!/bin/sh
[ -e stockspan.toml ] || export STOCKSPAN_CONFIG={config}
exec {python} -m stockspan "$@"
"""


@dataclass(frozen=True)
class Call:
    """What curl asked, and the answer's body."""

    method: str
    url: str
    status: int
    body: str


@dataclass(frozen=True)
class Ran:
    """What became of a page's commands; `calls` of each block that ran."""

    code: int
    output: str
    calls: Mapping[Block, list[Call]] = field(default_factory=dict)


class PageShell:
    """A folder that looks like a checkout with a running demo; `variables` are the reader's own."""

    def __init__(self, folder: Path, demo: RunningDemo, variables: Mapping[str, str]) -> None:
        self._folder, self._demo = folder, demo
        self._calls = folder / ".calls"
        binaries = folder / ".bin"
        binaries.mkdir()
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "demo-data").symlink_to(demo.data_dir)
        (binaries / "psql").symlink_to(postgres_binary("psql"))
        (binaries / "less").symlink_to("/bin/cat")
        environment = unmeasured()
        path = environment.get("PATH", "/usr/bin:/bin")
        facts = {"python": sys.executable, "path": path, "calls": str(self._calls)}
        self._script(binaries / "curl", _CURL.format(**facts))
        config = demo.data_dir / "stockspan.toml"
        self._script(binaries / "stockspan", _STOCKSPAN.format(**facts, config=config))
        self._environment = {
            **environment,
            "PATH": f"{binaries}:{path}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "KEY": demo.facts["keys"]["all"],
            "SHOP": demo.facts["shop"],
            **variables,
        }

    def run(self, blocks: list[Block]) -> Ran:
        """Each `sh` block in turn; those with a title are files, there from the beginning."""
        for block in blocks:
            if block.title:
                (self._folder / block.title).write_text(self._addressed(block.text), "utf-8")
        commands = [block for block in blocks if block.language == "sh"]
        self._calls.touch()
        script = "set -eu\n" + "".join(
            f"printf '{_MARK}{number}' >>.calls\n{self._addressed(block.text)}\n"
            for number, block in enumerate(commands)
        )
        ran = subprocess.run(
            ["/bin/sh", "-c", script],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
        begun = self._calls.read_text("utf-8").split(_MARK)[1:]
        made = {block: _read(part) for block, part in zip(commands, begun, strict=False)}
        last = commands[len(begun) - 1] if begun else "nothing"
        return Ran(ran.returncode, f"{last}:\n{ran.stdout.decode()[-4000:]}", made)

    def _addressed(self, text: str) -> str:
        facts = self._demo.facts
        return text.replace(_GATEWAY, facts["gateway"]).replace(_INGEST, facts["ingest"])

    @staticmethod
    def _script(path: Path, text: str) -> None:
        path.write_text(text, "utf-8")
        path.chmod(0o755)


def _read(part: str) -> list[Call]:
    # The first characters are the number of the block.
    lines: list[Any] = [json.loads(line) for line in part.lstrip("0123456789").splitlines()]
    return [Call(*line) for line in lines]
