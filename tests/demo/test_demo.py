"""`stockspan demo` as a process: what it tells, what it survives, how it ends, why it refuses."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import tomllib
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from stockspan.demo.folder import open_folder
from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE
from stockspan.embedded.ports import HOST, free_port, is_free
from stockspan.failure import Failure
from tests.running_demo import (
    COMMAND,
    STOP_SECONDS,
    RunningDemo,
    descendants,
    get,
    post,
    running,
    until,
)
from tests.unmeasured import unmeasured

_QUIET = "F-107"  # off the first page and not of class A: the till leaves it alone

pytestmark = pytest.mark.timeout(240)


def _set_on_hand(dsn: str, sku: str, quantity: int) -> bool:
    async def update() -> None:
        erp = await asyncpg.connect(dsn)
        await erp.execute(
            "UPDATE stock_balance SET on_hand = $2, reserved = 0, safety_stock = 0"
            " WHERE item_no = $1 AND warehouse_code = 'W1'",
            sku,
            Decimal(quantity),
        )
        await erp.execute(
            "UPDATE stock_balance SET on_hand = 0, reserved = 0"
            " WHERE item_no = $1 AND warehouse_code = 'W2'",
            sku,
        )
        await erp.close()

    try:
        asyncio.run(update())
    except ERP_UNREACHABLE:
        return False
    return True


def _follows(demo: RunningDemo, quantity: int) -> None:
    until(lambda: _set_on_hand(demo.facts["erp_dsn"], _QUIET, quantity), "the ERP takes changes")
    until(
        lambda: demo.stock(_QUIET).get("salable") == quantity,
        f"the answer for {_QUIET} says {quantity}, not {demo.stock(_QUIET)}",
        60,
    )


def _in_erp(demo: RunningDemo, sql: str) -> None:
    async def run() -> None:
        erp = await asyncpg.connect(demo.facts["erp_dsn"])
        await erp.execute(sql)
        await erp.close()

    asyncio.run(run())


def _public_half(private_pem: str) -> str:
    key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    public = key.public_key()
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def _customer_token(demo: RunningDemo, customer: str) -> dict[str, str]:
    facts = demo.facts["jwt"]
    claims = {
        "iss": facts["issuer"],
        "aud": facts["audience"],
        "exp": int(time.time()) + 600,
        "customer": customer,
    }
    token = jwt.encode(claims, facts["private_key"], facts["algorithm"])
    return {"Authorization": f"Bearer {token}"}


class TestRunning:
    def test_tells_where_everything_is(self, demo: RunningDemo) -> None:
        facts = demo.facts
        assert get(f"{facts['gateway']}/readyz")[0] == 200
        assert get(facts["shop"])[0] == 200
        assert urlsplit(facts["ingest"]).port is not None
        assert facts["valkey"].startswith("redis://:")
        assert facts["sample"]["channels"][0] == "eu"
        assert len(facts["sample"]["skus"]) == 200
        assert len(facts["sample"]["customers"]) == 30
        assert facts["sample"]["customers"][0] == "10001"
        output = demo.output.read_text()
        for told in (facts["gateway"], facts["ingest"], facts["shop"], facts["erp_dsn"]):
            assert told in output
        assert f"curl {facts['gateway']}/v1/stock/A-100" in output
        assert f"'{facts['gateway']}/v1/prices?customer=10001&sku=A-100" in output

    def test_keys_are_told_once_and_known_by_their_digest(self, demo: RunningDemo) -> None:
        text = (demo.data_dir / "stockspan.toml").read_text()
        settings = tomllib.loads(text)
        assert settings["keys"].keys() == demo.facts["keys"].keys()
        for name, key in demo.facts["keys"].items():
            assert key not in text
            assert settings["keys"][name]["sha256"] == hashlib.sha256(key.encode()).hexdigest()
            assert len(settings["keys"][name]["scopes"]) == (6 if name == "all" else 1)
        pairs = ("customer-tokens.pem", "price-tokens.pem")
        for file in ("stockspan.toml", "demo.json", "keys.json", *pairs):
            assert stat.S_IMODE((demo.data_dir / file).stat().st_mode) == 0o600

    def test_signs_with_key_pairs_of_its_own(self, demo: RunningDemo) -> None:
        settings = tomllib.loads((demo.data_dir / "stockspan.toml").read_text())
        jwt_facts, tokens = demo.facts["jwt"], settings["customer_tokens"]
        assert jwt_facts.keys() == {"algorithm", "issuer", "audience", "private_key"}
        assert (jwt_facts["issuer"], jwt_facts["audience"]) == (
            tokens["issuer"],
            tokens["audience"],
        )
        (known,) = tokens["keys"].values()
        assert known == {
            "algorithm": jwt_facts["algorithm"],
            "public_key": _public_half(jwt_facts["private_key"]),
        }
        signing = settings["price_tokens"]["keys"][settings["price_tokens"]["signing_key"]]
        private = Path(signing["private_key_file"]).read_text()
        assert signing["algorithm"] == "ES256"
        assert _public_half(private) != known["public_key"]
        written = (demo.data_dir / "stockspan.toml").read_text() + demo.output.read_text()
        assert "PRIVATE KEY" not in written

    def test_customer_token_opens_that_customers_prices_alone(self, demo: RunningDemo) -> None:
        token = _customer_token(demo, "10001")
        prices = f"{demo.facts['gateway']}/v1/prices?sku=A-100"
        status, item = get(prices, token)
        assert (status, item["price_list"]) == (200, "AGR-10001")
        assert get(f"{prices}&customer=10001", token)[0] == 200
        assert get(f"{prices}&customer=10002", token)[0] == 404

    def test_every_sample_customer_has_a_price_for_every_open_article(
        self, demo: RunningDemo
    ) -> None:
        closed = {"E-102", "H-101"}
        lines = [{"sku": sku, "quantity": 100} for sku in demo.facts["sample"]["skus"][:24]]
        headers = {
            "Authorization": f"Bearer {demo.facts['keys']['all']}",
            "Content-Type": "application/json",
        }
        for customer in demo.facts["sample"]["customers"]:
            asked = json.dumps({"customer": customer, "lines": lines})
            status, body = post(f"{demo.facts['gateway']}/v1/prices/query", asked, headers)
            assert status == 200, body
            assert {item["sku"] for item in body["items"] if "error" in item} <= closed

    def test_price_follows_the_erp(self, demo: RunningDemo) -> None:
        line = "book_code = 'AGR-10001' AND item_no = 'E-101'"
        before = demo.price("E-101", "10001")
        assert (before["price_list"], before["layer"]) == ("AGR-10001", "contract")
        _in_erp(demo, f"UPDATE price_line SET price = 12.3456 WHERE {line}")
        until(
            lambda: demo.price("E-101", "10001")["unit_price"]["amount"] == "12.3456",
            "the new price is answered",
        )
        _in_erp(demo, f"UPDATE price_line SET withdrawn = true WHERE {line}")
        until(
            lambda: demo.price("E-101", "10001")["price_list"] != "AGR-10001",
            "the withdrawn price is gone",
        )

    def test_customer_on_hold_sees_prices_and_a_closed_one_nothing(self, demo: RunningDemo) -> None:
        assert demo.price("A-100", "10008")["unit_price"]["currency"] == "SEK"
        assert demo.price("A-100", "10009") == {}
        _in_erp(demo, "UPDATE customer SET credit_status = 'good' WHERE customer_no = 10009")
        until(lambda: demo.price("A-100", "10009") != {}, "the customer is let in")
        _in_erp(demo, "UPDATE customer SET credit_status = 'closed' WHERE customer_no = 10009")
        until(lambda: demo.price("A-100", "10009") == {}, "the customer is shut out")

    def test_shop_asks_for_prices_without_giving_its_key_away(self, demo: RunningDemo) -> None:
        shop, key = demo.facts["shop"], demo.facts["keys"]["all"]
        page = get(shop)[1]
        scripts = [*re.findall(r'src="/(\w+\.js)"', page), "prices.js", "why.js", "words.js"]
        answers = [page, *(get(f"{shop}/{name}")[1] for name in scripts)]
        status, customers = get(f"{shop}/customers.json")
        assert (status, len(customers["customers"])) == (200, 300)
        as_json = {"Content-Type": "application/json"}
        lines = [{"sku": "A-100", "quantity": 5}, {"sku": "NO-SUCH"}]
        asked = json.dumps({"customer": "10001", "lines": lines})
        status, prices = post(f"{shop}/prices.json", asked, as_json)
        assert status == 200
        assert prices["items"][0]["unit_price"] == {"amount": "234.10", "currency": "EUR"}
        assert prices["items"][1]["error"]["type"] == "/problems/unknown-sku"
        status, why = get(f"{shop}/why.json?sku=A-100&quantity=5&customer=10001")
        assert status == 200
        assert why["explanation"][0]["outcome"] == "won"
        assert why["titles"]["AGR-10001"] == "Agreement with Kramer Elektrotechniek BV"
        assert post(f"{shop}/prices.json", asked, {})[0] == 415
        assert post(f"{shop}/prices.json", "{}", as_json)[0] == 400
        assert get(f"{shop}/why.json")[0] == 400
        status, unknown = get(f"{shop}/why.json?sku=NO-SUCH&customer=10001")
        assert (status, unknown["type"]) == (404, "/problems/unknown-sku")
        answers += [json.dumps(body) for body in (customers, prices, why)]
        assert not [answer for answer in answers if key in answer]

    def test_every_sample_sku_is_answered(self, demo: RunningDemo) -> None:
        query = "&".join(f"sku={sku}" for sku in demo.facts["sample"]["skus"])
        status, body = get(f"{demo.facts['gateway']}/v1/stock?{query}")
        assert status == 200
        assert {item["sku"] for item in body["items"] if "error" in item} == set()
        assert {item["status"] for item in body["items"]} >= {
            "in_stock",
            "backorder",
            "out_of_stock",
            "preorder",
            "discontinued",
        }

    def test_all_of_the_catalogue_is_loaded(self, demo: RunningDemo) -> None:
        assert demo.stock("L-207")["sku"] == "L-207"

    def test_answer_follows_the_erp(self, demo: RunningDemo) -> None:
        _follows(demo, 37)
        assert demo.stock(_QUIET)["label"] == "20+ available"
        _follows(demo, 3)
        assert demo.stock(_QUIET)["label"] == "Few left"

    def test_shop_sells_in_the_erp_alone(self, demo: RunningDemo) -> None:
        _follows(demo, 3)
        sell = f"{demo.facts['shop']}/sell"
        as_json = {"Content-Type": "application/json"}
        assert post(sell, json.dumps({"sku": _QUIET}), as_json) == (200, {"sold": 1})
        until(lambda: demo.stock(_QUIET).get("salable") == 2, "the sale shows")
        _follows(demo, 0)
        assert post(sell, json.dumps({"sku": _QUIET}), as_json) == (409, {"sold": 0})
        assert post(sell, json.dumps({"sku": "no such"}), as_json)[0] == 404
        assert post(sell, "{}", as_json)[0] == 400
        assert post(sell, json.dumps({"sku": _QUIET}), {})[0] == 415

    def test_another_demo_in_the_same_folder_is_refused(self, demo: RunningDemo) -> None:
        again = subprocess.run(
            [*COMMAND, "--port", "0", "--data-dir", str(demo.data_dir)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert again.returncode == 1
        assert "another demo is running in this folder" in again.stderr
        assert (demo.data_dir / "demo.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_lives_through_what_kills_its_parts_and_ends_whole(tmp_path: Path) -> None:
    first = RunningDemo(tmp_path / "data", "--workers", "2")
    try:
        first.wait_ready()
        for quantity, name in enumerate(("valkey", "postgres", "load", "serve"), start=11):
            victim = first.processes()[name]
            os.kill(victim, signal.SIGKILL)
            until(
                lambda: first.processes().get(name) not in {None, victim},  # noqa: B023 - called before the next turn
                f"{name} is back",
            )
            _follows(first, quantity)
        _ends_whole(first, 0, signal.SIGTERM)
        assert not (first.data_dir / "demo.json").exists()
        for url in ("gateway", "ingest", "shop", "valkey", "erp_dsn"):
            assert is_free(urlsplit(first.facts[url]).port or 0)
    finally:
        first.stop()

    second = RunningDemo(tmp_path / "data")
    try:
        # It goes on where it was, and is killed.
        second.wait_ready()
        assert second.facts["keys"] == first.facts["keys"]
        assert second.facts["jwt"] == first.facts["jwt"]
        assert second.stock(_QUIET)["salable"] == 14
        _ends_whole(second, -signal.SIGKILL, signal.SIGKILL)
    finally:
        second.stop()


def _ends_whole(demo: RunningDemo, status: int, number: signal.Signals) -> None:
    """No process of it is left."""
    started = descendants(demo.process.pid)
    assert len(started) >= 4
    assert demo.stop(number) == status, demo.output.read_text()
    until(lambda: not any(running(pid) for pid in started), "all processes end")


def test_stopped_while_starting_leaves_nothing(tmp_path: Path) -> None:
    demo = RunningDemo(tmp_path / "data")
    until(lambda: "valkey" in demo.processes(), "its first server runs")
    started = descendants(demo.process.pid)
    # Asked twice, as by somebody in a hurry.
    demo.process.send_signal(signal.SIGTERM)
    assert demo.stop(signal.SIGINT) == 0, demo.output.read_text()
    assert [pid for pid in started if running(pid)] == []
    assert not (demo.data_dir / "demo.json").exists()


def test_without_a_data_dir_its_folder_goes_with_it(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [*COMMAND, "--port", "0", "--empty"],
        stdout=subprocess.DEVNULL,
        env={**unmeasured(), "TMPDIR": str(tmp_path)},
    )
    try:
        until(lambda: any(tmp_path.glob("stockspan-demo-*/demo.json")), "ready", 90)
        (folder,) = tmp_path.glob("stockspan-demo-*")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(STOP_SECONDS) == 0
    assert list(tmp_path.iterdir()) == []


def test_empty_takes_pushes_into_its_one_channel(tmp_path: Path) -> None:
    # Settings in the user's own environment must not reach the demo's processes.
    stray = {"STOCKSPAN_STORE__URL": "redis://127.0.0.1:1/0", "STOCKSPAN_GATEWAY__PORT": "1"}
    demo = RunningDemo(tmp_path / "data", "--empty", env={**unmeasured(), **stray})
    try:
        facts = demo.wait_ready().facts
        assert facts["erp_dsn"] is None
        assert facts["shop"] is None
        assert facts["sample"] == {"skus": [], "customers": [], "channels": ["default"]}
        settings = tomllib.loads((demo.data_dir / "stockspan.toml").read_text())
        assert settings["channels"] == {"default": {"currency": "EUR", "locale": "en"}}
        assert not settings.keys() & {"feeds", "sources"}
        assert facts["jwt"]["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
        assert settings.keys() >= {"prices", "customer_tokens", "price_tokens"}

        key = {"Authorization": f"Bearer {facts['keys']['ingest']}"}
        place, level = {"location": "W1"}, {"sku": "N-1", "location": "W1", "quantity": 25}
        for kind, record in (("locations", place), ("stock", level)):
            status, counts = post(f"{facts['ingest']}/ingest/{kind}", json.dumps(record), key)
            assert (status, counts["accepted"]) == (200, 1)
        until(lambda: demo.stock("N-1").get("salable") == 25, "the pushed level is answered")
    finally:
        assert demo.stop() == 0


def _refused(*arguments: str, env: dict[str, str] | None = None) -> str:
    ran = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
    )
    assert ran.returncode == 1
    lines = ran.stderr.splitlines()
    assert len(lines) == 1, ran.stderr
    return lines[0]


class TestRefusing:
    def test_port_in_use(self, tmp_path: Path) -> None:
        with socket.create_server((HOST, free_port())) as taken:
            port = taken.getsockname()[1]
            said = _refused("--port", str(port), env={"TMPDIR": str(tmp_path)})
        assert (
            said
            == f"stockspan: --port {port}: cannot listen on {HOST}:{port} (Address already in use)"
        )
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("port", ["-1", "65536"])
    def test_no_port(self, port: str) -> None:
        assert _refused(f"--port={port}") == f"stockspan: --port {port}: must be 0 to 65535"

    def test_no_worker(self) -> None:
        assert _refused("--workers=0") == "stockspan: --workers 0: must be at least 1"

    def test_data_dir_is_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("mine")
        for path in (file, file / "below"):
            said = _refused("--port", "0", "--data-dir", str(path))
            assert said == f"stockspan: --data-dir {path}: is not a folder"
        assert file.read_text() == "mine"

    def test_data_dir_cannot_be_written(self) -> None:
        # Even root makes no folder here.
        said = _refused("--port", "0", "--data-dir", "/proc/stockspan")
        assert said.startswith("stockspan: --data-dir /proc/stockspan: cannot be written (")

    def test_no_room_for_a_temporary_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", "/proc")
        with pytest.raises(Failure, match="/proc: cannot be written"), open_folder(None):
            pass

    def test_server_that_does_not_start(self, tmp_path: Path) -> None:
        broken = tmp_path / "data/postgres/pgdata"
        broken.mkdir(parents=True)
        (broken.parent / "password").write_text("unused\n")
        said = _refused("--port", "0", "--data-dir", str(tmp_path / "data"))
        assert said.startswith("stockspan: PostgreSQL did not start (exit status ")
        assert not (tmp_path / "data/demo.json").exists()
