"""The shared demo: what it tells, what is loaded, what follows the ERP."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import stat
import subprocess
import time
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from tests.quiet_article import QUIET, follows
from tests.running_demo import (
    COMMAND,
    RunningDemo,
    get,
    post,
    until,
)

pytestmark = pytest.mark.timeout(240)


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
        follows(demo, 37)
        assert demo.stock(QUIET)["label"] == "20+ available"
        follows(demo, 3)
        assert demo.stock(QUIET)["label"] == "Few left"

    def test_shop_sells_in_the_erp_alone(self, demo: RunningDemo) -> None:
        follows(demo, 3)
        sell = f"{demo.facts['shop']}/sell"
        as_json = {"Content-Type": "application/json"}
        assert post(sell, json.dumps({"sku": QUIET}), as_json) == (200, {"sold": 1})
        until(lambda: demo.stock(QUIET).get("salable") == 2, "the sale shows")
        follows(demo, 0)
        assert post(sell, json.dumps({"sku": QUIET}), as_json) == (409, {"sold": 0})
        assert post(sell, json.dumps({"sku": "no such"}), as_json)[0] == 404
        assert post(sell, "{}", as_json)[0] == 400
        assert post(sell, json.dumps({"sku": QUIET}), {})[0] == 415

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
