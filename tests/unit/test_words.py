"""Languages are files: those shipped are whole, one more is one more file, a wrong one is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import gateway
from gateway.domain.spans import SpanPolicy, StockStatus
from gateway.domain.writing import plural_forms
from gateway.words import LOCALES, WordsError, languages, read_labels

_PACKAGE: Final = Path(gateway.__path__[0])
_FRENCH: Final = """
backorder = "Sur commande"
limited_availability = "Derniers exemplaires"
out_of_stock = "Épuisé"
preorder = "En précommande"
discontinued = "Supprimé"
on_request = "Nous consulter"
[in_stock]
one = "{min} article au moins"
other = "{min} articles au moins"
"""
_ASK: Final = """
from gateway.api.languages import preferred
from gateway.api.stock_operations import CIRCUMSTANCES
from gateway.config.settings import Channel, Settings
from gateway.domain.spans import SpanPolicy
from gateway.wiring.selling import selling_rules
import re

rules = selling_rules(Settings(channels={"fr": Channel(locale="fr")}))
asked = preferred("fr-CA, en;q=0.5", tuple(rules.labels))
(schema,) = (one.schema for one in CIRCUMSTANCES if one.name == "locale")
assert re.match(schema["pattern"], "fr-FR"), schema
for bounds in ((1_000,), (1_000_000,)):
    view = SpanPolicy(bounds, 0).view(5_000_000, discontinued=False, backorder=False)
    print(rules.labels[asked].label(view))
"""


def test_a_new_language_is_one_file(tmp_path: Path) -> None:
    shutil.copytree(_PACKAGE, tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "gateway" / "locales" / "fr.toml").write_text(_FRENCH, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONUTF8": "1"}
    told = subprocess.run(
        (sys.executable, "-c", _ASK),
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert told.stderr == ""
    assert told.stdout.splitlines() == [
        "1 article au moins",
        "1\N{NARROW NO-BREAK SPACE}000 articles au moins",
    ]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_form_of_every_language_is_told(locale: str, tmp_path: Path) -> None:
    words = {status: f"{status} {{min}}" for status in StockStatus}
    del words[StockStatus.IN_STOCK]
    lines = [f'{status} = "{text}"' for status, text in words.items()]
    lines += ["[in_stock]", *(f'{form} = "{form} {{min}}"' for form in plural_forms(locale))]
    (tmp_path / f"{locale}.toml").write_text("\n".join(lines), encoding="utf-8")
    labels = read_labels(locale, tmp_path)
    seen = set()
    for bound in (1, 2, 5, 20, 100):
        view = SpanPolicy((bound * 1_000,), 0).view(10**6, discontinued=False, backorder=False)
        form, figure = labels.label(view).split()
        assert figure == str(bound)
        seen.add(form)
    assert seen == plural_forms(locale)


def test_a_folder_lists_its_languages(tmp_path: Path) -> None:
    for name in ("sv.toml", "en.toml", "notes.txt"):
        (tmp_path / name).touch()
    assert languages(tmp_path) == ("en", "sv")
    assert LOCALES == ("de", "en", "nl", "ro", "sv")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("xx", ("", ""), "xx.toml: 'xx' is no language; a file is named like en.toml"),
        ("fr", ('"Épuisé"', '" "'), "fr.toml: out_of_stock must be words, not ' '"),
        ("fr", ('"Épuisé"', "7"), "fr.toml: out_of_stock must be words, not 7"),
        ("fr", ('"Épuisé"', '"{max}"'), "may hold {min}, and no other braces: '{max}'"),
        ("fr", ("preorder", "pre_order"), "fr.toml: 'pre_order' is no status; there are in_stock"),
        ("fr", ("preorder", "# preorder"), "fr.toml: preorder must be words, not None"),
        ("fr", ("other", "few"), "in_stock must have 'other' and may have many, one, other"),
        ("fr", ("one", "two"), "in_stock must have 'other' and may have many, one, other"),
        ("fr", ("[in_stock]", "[in_stock"), "fr.toml: "),
    ],
)
def test_a_wrong_file_is_named(
    name: str, change: tuple[str, str], said: str, tmp_path: Path
) -> None:
    content = _FRENCH.replace(*change) if change[0] else _FRENCH
    (tmp_path / f"{name}.toml").write_text(content, encoding="utf-8")
    with pytest.raises(WordsError) as caught:
        read_labels(name, tmp_path)
    assert said in str(caught.value)
