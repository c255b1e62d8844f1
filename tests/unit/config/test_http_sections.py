"""Settings of an ERP over HTTP: what is wrong is one line with its name and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.file import SettingsError, load_settings
from gateway.config.http_sections import ClientCredentials, HttpSource, LinkPaging, NoPaging

SOURCE = '[sources.erp]\ntype = "http"\nurl = "https://erp.example/api"\n'
FEED = '[feeds.a]\nkind = "stock"\nsource = "erp"\n'
MAPPED = '[feeds.a.mapping]\nsku = "no"\nlocation = "bin"\nquantity = "n"\n'

WRONG = {
    SOURCE + FEED: "feeds.a.mapping: a feed from http needs one",
    SOURCE + FEED + '[feeds.a.mapping]\nsku = "sum("': (
        "feeds.a.mapping.sku = 'sum(': is no JMESPath expression: it ends too early"
    ),
    SOURCE + FEED + '[feeds.a.mapping]\nsku = "total(x)"': "knows no function total(); there are:",
    SOURCE + FEED + '[feeds.a.mapping]\nsku = "sum()"': "sum() takes 1 arguments, not 0",
    SOURCE + FEED + "[feeds.a.mapping]\nsku = \"in_zone(at, 'Mars')\"": "no time zone 'Mars'",
    SOURCE + FEED + 'rows = "a["\n' + MAPPED: "feeds.a.rows = 'a[': is no JMESPath",
    SOURCE + FEED + 'path = "//other/"\n' + MAPPED: "feeds.a.path: must be relative to the url",
    SOURCE + FEED + 'path = "items({id})"\n' + MAPPED: "feeds.a.path: must hold no braces",
    SOURCE + FEED + 'path = "?k=secret#"\n' + MAPPED: "feeds.a.path: must hold no #",
    SOURCE + FEED + 'query = "SELECT 1"\n' + MAPPED: "feeds.a.query: is for feeds from postgres",
    SOURCE + FEED + 'watermark = "at"\n' + MAPPED: "feeds.a.watermark: 'at' is none of the mapping",
    SOURCE + FEED + 'delta_every = "5s"\n' + MAPPED: "feeds.a.delta_every: needs a watermark",
    SOURCE + FEED + 'delta_value = "x"\n' + MAPPED: "must hold {watermark}, which stands for",
    SOURCE + FEED + 'paging.by = "turns"\n' + MAPPED: (
        'feeds.a.paging.by = \'turns\': must be "none", "page", "cursor" or "link"'
    ),
    SOURCE + FEED + "paging.size = 5\n" + MAPPED: "feeds.a.paging.by: must be",
    SOURCE + FEED + 'paging = {by = "page", size = 0}\n' + MAPPED: "feeds.a.paging.size = 0: ",
    SOURCE + FEED + 'paging = {by = "page", size_param = "n"}\n' + MAPPED: (
        "size_param needs the size to ask for"
    ),
    SOURCE + FEED + 'paging = {by = "cursor"}\n' + MAPPED: "feeds.a.paging.next is missing",
    SOURCE + 'auth = "secret"': "sources.erp.auth: ",
    SOURCE + 'auth = {type = "ntlm", password = "secret"}': "sources.erp.auth.type = 'ntlm': ",
    SOURCE + 'auth = {type = "bearer", token = "secret\\n"}': "sources.erp.auth.token: must be one",
    SOURCE + 'auth = {type = "basic", username = "a:b", password = "secret"}': "auth.username",
    SOURCE + 'auth = {type = "basic", username = "a"}': "sources.erp.auth.password is missing",
    SOURCE + 'auth = {type = "oauth2", token_url = "ftp://secret"}': "sources.erp.auth.token_url: ",
    SOURCE + 'headers = {"X:Y" = "secret"}': "must be the name of a header that is yours to set",
    SOURCE + 'headers = {Host = "secret"}': "must be the name of a header that is yours to set",
    SOURCE + 'headers = {basic = "secret\\r\\nX: y"}': "sources.erp.headers.basic: must be",
    SOURCE + "rate = 0": "sources.erp.rate = 0: ",
    SOURCE + "timeout = -1": "sources.erp.timeout = -1: ",
    SOURCE.replace("https://", "https://u:secret@"): "sources.erp.url: must hold no user or pass",
    SOURCE.replace("https://", "erp:"): "sources.erp.url: must be an address such as",
    SOURCE.replace("example", "example:x"): "sources.erp.url: must be an address, and is none",
    SOURCE.replace("/api", "/api?key=secret"): "sources.erp.url: must end with its path",
    '[sources.erp]\ntype = "files"\ndirectory = "x"\n' + FEED + MAPPED: (
        "feeds.a.mapping: is for feeds from http, not from files"
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_setting_is_one_line_without_a_secret(text: str, tmp_path: Path) -> None:
    path = tmp_path / "stockspan.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {})
    said = str(caught.value)
    assert WRONG[text] in said
    assert "secret" not in said
    assert "\n" not in said


def test_as_shipped_an_erp_is_not_called_much(tmp_path: Path) -> None:
    path = tmp_path / "stockspan.toml"
    path.write_text(SOURCE + FEED + MAPPED, encoding="utf-8")
    settings = load_settings(path, {})
    source = settings.sources["erp"]
    assert isinstance(source, HttpSource)
    assert (source.rate, source.burst, source.concurrency) == (10, 10, 4)
    assert settings.feeds["a"].paging == NoPaging()


def test_secrets_may_come_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = 'auth = {type = "oauth2", token_url = "https://id.example/token", client_id = "shop"}\n'
    paging = 'paging = {by = "link", next = \'"@odata.nextLink"\'}\n'
    path = tmp_path / "stockspan.toml"
    path.write_text(SOURCE + auth + FEED + paging + MAPPED, encoding="utf-8")
    monkeypatch.setenv("STOCKSPAN_SOURCES__ERP__AUTH__CLIENT_SECRET", "s3cret")
    settings = load_settings(path)
    source = settings.sources["erp"]
    assert isinstance(source, HttpSource)
    assert isinstance(source.auth, ClientCredentials)
    assert source.auth.client_secret == "s3cret"
    assert settings.feeds["a"].paging == LinkPaging(by="link", next='"@odata.nextLink"')
