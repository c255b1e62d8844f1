"""The settings of an ERP that answers over HTTP: its address, who asks, how often, how it pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from gateway.config.asked_section import AskedSource
from gateway.config.expressions import Expression, ExpressionError
from gateway.config.section import Section
from gateway.config.values import Seconds

WATERMARK: Final = "{watermark}"
"""What stands for the watermark in `delta_value`."""

_OURS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
)


def _http_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("must be an address, and is none") from None
    if not parts.hostname or port == 0 or parts.scheme not in {"http", "https"}:
        raise ValueError("must be an address such as https://erp.example/api")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user or password: they belong in auth")
    if parts.query or parts.fragment:
        raise ValueError("must end with its path: what follows a ? belongs in the feed's path")
    return url


def relative_path(path: str) -> str:
    """The path of a feed, if it is one.

    Raises:
        ValueError: it is none.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", path):
        raise ValueError("must be relative to the url of its source")
    if "{" in path or "}" in path:
        raise ValueError("must hold no braces: write what stands for them")
    if "#" in path or not path.isprintable():
        raise ValueError("must hold no # and no control characters")
    return path


def _expression(text: str) -> str:
    try:
        Expression(text)
    except ExpressionError as error:
        raise ValueError(str(error)) from None
    return text


def _header(name: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", name) or name.lower() in _OURS:
        raise ValueError("must be the name of a header that is yours to set")
    return name


def _in_one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line, without control characters")
    return text


def _with_place(text: str) -> str:
    if WATERMARK not in text:
        raise ValueError(f"must hold {WATERMARK}, which stands for the watermark")
    return text


HttpUrl = Annotated[str, AfterValidator(_http_url)]
RelativePath = Annotated[str, Field(max_length=2000), AfterValidator(relative_path)]
JmesPath = Annotated[str, AfterValidator(_expression)]
HeaderName = Annotated[str, AfterValidator(_header)]
OneLine = Annotated[str, Field(min_length=1, max_length=8000), AfterValidator(_in_one_line)]
Parameter = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_in_one_line)]
DeltaValue = Annotated[str, Field(max_length=2000), AfterValidator(_with_place)]


class BearerAuth(Section):
    """A token that does not change."""

    type: Literal["bearer"]
    token: OneLine


class BasicAuth(Section):
    """A user and a password (RFC 7617)."""

    type: Literal["basic"]
    username: Annotated[OneLine, Field(pattern="^[^:]*$")]
    password: OneLine


class ClientCredentials(Section):
    """OAuth 2: tokens are fetched with a client's id and secret (RFC 6749, 4.4)."""

    type: Literal["oauth2"]
    token_url: HttpUrl
    client_id: OneLine
    client_secret: OneLine
    scope: OneLine | None = None
    parameters: dict[Parameter, OneLine] = Field(default={})
    secret_in: Literal["body", "header"] = "body"  # noqa: S105 - a place, no secret


Auth = Annotated[BearerAuth | BasicAuth | ClientCredentials, Field(discriminator="type")]


class HttpSource(AskedSource):
    """An ERP that answers JSON. `rate` is in calls a second, `largest_body` in bytes."""

    type: Literal["http"]
    url: HttpUrl
    audit_rate: Annotated[float, Field(ge=0, le=60_000)] = 6.0
    auth: Auth | None = None
    headers: dict[HeaderName, OneLine] = Field(default={})
    connect_timeout: Seconds = 10.0
    timeout: Seconds = 60.0
    rate: Annotated[float, Field(gt=0, le=10_000)] = 10.0
    burst: Annotated[int, Field(ge=1, le=1000)] = 10
    concurrency: Annotated[int, Field(ge=1, le=100)] = 4
    ca_file: Path | None = None
    largest_body: Annotated[int, Field(ge=1024, le=1 << 30)] = 32 << 20


class _Pages(Section):
    most_pages: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    count: JmesPath | None = None


class _SizedPages(_Pages):
    size_param: Parameter | None = None
    size: Annotated[int, Field(ge=1, le=100_000)] | None = None

    @model_validator(mode="after")
    def _size_is_known(self) -> Self:
        if self.size_param is not None and self.size is None:
            raise ValueError("size_param needs the size to ask for")
        return self


class NoPaging(Section):
    """Everything in one answer."""

    by: Literal["none"] = "none"
    count: JmesPath | None = None


class PagePaging(_SizedPages):
    """Pages by number. `not_found_ends`: a 404 after the first page says that there are no more."""

    by: Literal["page"]
    param: Parameter = "page"
    first: Literal[0, 1] = 1
    not_found_ends: bool = False


class CursorPaging(_SizedPages):
    """Each answer says where the next one begins; none said, or an empty one, is the end."""

    by: Literal["cursor"]
    next: JmesPath
    param: Parameter = "cursor"


class LinkPaging(_Pages):
    """Each answer has the address of the next: in its `Link` header, or where `next` says."""

    by: Literal["link"]
    next: JmesPath | None = None


Paging = Annotated[NoPaging | PagePaging | CursorPaging | LinkPaging, Field(discriminator="by")]
