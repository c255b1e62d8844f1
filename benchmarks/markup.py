"""Elements of a page. Whatever text goes into one is text there, and never markup."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from benchmarks.figures import brief

Content = Element | str
Cell = Content | Iterable[Content]
"""What an element may contain."""


def element(name: str, content: Cell = (), /, **attributes: str | float) -> Element:
    """An element; `class_` is `class`, and `aria_label` is `aria-label`."""
    made = Element(name, {_name(key): _value(value) for key, value in attributes.items()})
    last: Element | None = None
    for one in [content] if isinstance(content, str | Element) else content:
        if isinstance(one, Element):
            made.append(one)
            last = one
        elif last is None:
            made.text = (made.text or "") + one
        else:
            last.tail = (last.tail or "") + one
    return made


def number(value: float, text: str = "") -> Element:
    """A figure that was measured, with all its digits for whoever reads the page by program."""
    return element("data", text or brief(value), value=repr(value))


def table(head: Iterable[str], lines: Iterable[Iterable[Cell]], **attributes: str) -> Element:
    """A table whose first column says what its lines are of."""
    columns = list(head)
    titles = [element("th", title, scope="col") for title in columns]
    body = []
    for line in lines:
        first, *others = line
        cells = [
            element("td", cell, data_label=title)
            for title, cell in zip(columns[1:], others, strict=True)
        ]
        body.append(element("tr", [element("th", first, scope="row"), *cells]))
    content = [element("thead", element("tr", titles)), element("tbody", body)]
    return element("table", content, **attributes)


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
