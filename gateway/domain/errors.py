"""Every way a request can fail, as one tree. Errors carry data; words are the API's business.

```
StockspanError
 ├─ InvalidRequestError      fields: what is wrong, where, and what is allowed
 ├─ UnauthorizedError        no key, or one that is wrong or expired
 ├─ ForbiddenError           scope: the one that is missing
 ├─ UnknownError             nothing of that name
 │   ├─ UnknownSkuError
 │   ├─ UnknownCustomerError
 │   ├─ UnknownChannelError
 │   └─ UnknownLocationError
 ├─ NoPriceError             sku: it is known, but no price of it is agreed
 ├─ NotReadyError            feeds: those that have not been loaded yet
 └─ StoreUnavailableError    Redis did not answer in time, or refused
     └─ StoreFullError       it refused a write for lack of memory
```
"""

from __future__ import annotations

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong in a request or a record: the field, and what is allowed there."""

    field: str
    reason: str
    value: str | None = None


class StockspanError(Exception):
    """The root: whatever Stockspan raises on purpose."""


class InvalidRequestError(StockspanError):
    """The request itself is wrong."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.field}: {error.reason}" for error in errors))
        self.errors = errors


class UnauthorizedError(StockspanError):
    """No key, or one that is wrong or expired."""


class ForbiddenError(StockspanError):
    """The key is good, but lacks a scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class UnknownError(StockspanError):
    """Nothing of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class UnknownSkuError(UnknownError):
    """No product and no stock of that SKU."""


class UnknownCustomerError(UnknownError):
    """No such customer, or not one that this caller may know of."""


class UnknownChannelError(UnknownError):
    """No channel of that name is configured."""


class UnknownLocationError(UnknownError):
    """No location of that name serves the channel."""


class NoPriceError(StockspanError):
    """The SKU is known, but there is no price of it for this buyer."""

    def __init__(self, sku: str) -> None:
        super().__init__(sku)
        self.sku = sku


class NotReadyError(StockspanError):
    """The store is cold: these feeds have not been loaded yet."""

    def __init__(self, feeds: tuple[str, ...] = ()) -> None:
        super().__init__(", ".join(feeds))
        self.feeds = feeds


class StoreUnavailableError(StockspanError):
    """Redis did not answer in time, or the link is broken."""


class StoreFullError(StoreUnavailableError):
    """Redis is out of memory and refused the write."""
