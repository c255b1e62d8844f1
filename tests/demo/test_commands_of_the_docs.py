"""What the pages tell their reader to type works, and is answered as they show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from openapi_schema_validator import OAS31Validator
from selenium.webdriver import Chrome

from tests.page_shell import Call, PageShell
from tests.pages import GUIDES, Block, blocks, name_of, tried
from tests.running_demo import RunningDemo, get, post

PAGES = [page for page in GUIDES if tried("sh", page)]
# Those of the clients meet a gateway of their own: tests/integration/clients/test_guide.py.
PROGRAMS = [block for block in tried("python") if block.page.name != "clients.md"]
VALUES = [block for block in tried("json") if block.schema]
# What it does is the page's business; what it cannot even be read for is a mistake.
_IMPORT = """
const [text, done] = arguments;
const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
const told = (error) => done(error instanceof SyntaxError ? `${error}` : "");
import(address).then(() => done(""), told);
"""
# Orders that the pages confirm, which no ERP will ever acknowledge.
ORDERS = ("W-1001", "1042")


@pytest.fixture(scope="module")
def api(demo: RunningDemo) -> dict[str, Any]:
    status, described = get(f"{demo.facts['gateway']}/openapi.json")
    assert status == 200
    return dict(described)


@pytest.fixture(scope="module", autouse=True)
def _called_off(demo: RunningDemo) -> Iterator[None]:
    """The demo is others' too."""
    yield
    key = {"Authorization": f"Bearer {demo.facts['keys']['all']}"}
    for order in ORDERS:
        url = f"{demo.facts['gateway']}/v1/orders/{order}/acknowledge"
        post(url, '{"status": "cancelled"}', {**key, "Content-Type": "application/json"})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_page_work(
    page: Path, demo: RunningDemo, api: dict[str, Any], sample_erp: str, tmp_path: Path
) -> None:
    # A page with settings of its own has them meet an ERP of its own.
    variables = {
        "STOCKSPAN_STORE__URL": demo.facts["valkey"],
        "STOCKSPAN_SOURCES__ERP__DSN": sample_erp,
        "ERP_AS_INSTALLER": sample_erp,
    }
    own = any(block.title == "stockspan.toml" for block in blocks(page))
    shell = PageShell(tmp_path, demo, variables if own else {})
    ran = shell.run([block for block in blocks(page) if not block.not_run])
    assert ran.code == 0, ran.output
    # A pipe's first half may have failed unseen.
    assert [call for calls in ran.calls.values() for call in calls if call.status >= 400] == []
    for block in tried("json", page):
        if block.after is not None and block.after in ran.calls:
            assert any(_fits(block, call, api) for call in ran.calls[block.after]), str(block)


def _fits(shown: Block, call: Call, api: dict[str, Any]) -> bool:
    """Whether the page's answer is one to this call: as described, else with the same fields."""
    value = json.loads(shown.text)
    path = urlsplit(call.url).path
    for pattern, methods in api["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            answer = methods[call.method.lower()]["responses"][str(call.status)]
            schema = answer["content"]["application/json"]["schema"]
            return bool(_described(schema, api).is_valid(value))
    return bool(value.keys() == json.loads(call.body).keys())


def _described(schema: dict[str, Any], api: dict[str, Any]) -> OAS31Validator:
    return OAS31Validator({**schema, "components": api["components"]})


@pytest.mark.parametrize("block", VALUES, ids=str)
def test_a_value_of_the_api_is_as_described(block: Block, api: dict[str, Any]) -> None:
    assert block.schema in api["components"]["schemas"]
    schema = {"$ref": f"#/components/schemas/{block.schema}"}
    _described(schema, api).validate(json.loads(block.text))


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_python_is_python_and_is_run(block: Block) -> None:
    code = compile(block.text, str(block), "exec")
    if block.title:
        assert any(block.title in commands.text for commands in tried("sh", block.page))
    else:
        exec(code, {"__name__": "__main__"})  # noqa: S102 - what our own pages say


@pytest.mark.browser
@pytest.mark.parametrize("block", tried("js"), ids=str)
def test_javascript_is_a_module(block: Block, browser: Chrome) -> None:
    assert browser.execute_async_script(_IMPORT, block.text) == ""
