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
 │   ├─ UnknownLocationError
 │   └─ UnknownReservationError
 ├─ NoPriceError             sku: it is known, but no price of it is agreed
 ├─ InsufficientStockError   shortfalls: what was asked for, and what there is
 ├─ TooManyHoldsError        skus, cap: the customer has so many open holds of them
 ├─ InvalidTransitionError   state, act: not in this state
 │   └─ OtherOrderError      order_ref: it has become that order
 ├─ ReservationGoneError     state: its units were given back
 ├─ IdempotencyMismatchError    the key was used for something else
 ├─ IdempotencyInProgressError  the first request with the key is still under way
 ├─ NotReadyError            feeds: those that have not been loaded yet
 │   └─ FigureExpiredError   sku: its figure is too old to be told
 ├─ OverloadedError          there is more to do than can be done: it was not begun
 ├─ LedgerUnavailableError   PostgreSQL did not answer in time, or refused
 └─ StoreUnavailableError    Redis did not answer in time, or refused
     └─ StoreFullError       it refused a write for lack of memory
```

`KeyTakenError` and `VoidedError` are none of these: they stay among services and ledger, and say
that another request came first.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.domain.quantities import Milli
from gateway.domain.reservations import Act, State
from gateway.domain.spans import Span


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


class UnknownReservationError(UnknownError):
    """There is no such reservation."""


class NoPriceError(StockspanError):
    """The SKU is known, but there is no price of it for this buyer."""

    def __init__(self, sku: str) -> None:
        super().__init__(sku)
        self.sku = sku


class Shortfall(msgspec.Struct, frozen=True):
    """A SKU of which there is too little: what was asked for, the span, and the figure."""

    sku: str
    requested: Milli
    span: Span | None
    salable: Milli


class InsufficientStockError(StockspanError):
    """There is too little; nothing is held."""

    def __init__(self, shortfalls: Sequence[Shortfall]) -> None:
        super().__init__(", ".join(short.sku for short in shortfalls))
        self.shortfalls = shortfalls


class TooManyHoldsError(StockspanError):
    """The customer has as many open holds of these SKUs as are allowed."""

    def __init__(self, skus: Sequence[str], cap: int) -> None:
        super().__init__(", ".join(skus))
        self.skus = skus
        self.cap = cap


class InvalidTransitionError(StockspanError):
    """This cannot be done in this state."""

    def __init__(self, state: State, act: Act) -> None:
        super().__init__(f"{act} when {state}")
        self.state = state
        self.act = act


class OtherOrderError(InvalidTransitionError):
    """The reservation has become another order."""

    def __init__(self, state: State, order_ref: str | None) -> None:
        super().__init__(state, Act.CONFIRM)
        self.order_ref = order_ref


class ReservationGoneError(StockspanError):
    """The reservation's units were given back."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


class IdempotencyMismatchError(StockspanError):
    """The idempotency key was used for another request."""


class IdempotencyInProgressError(StockspanError):
    """The first request with this idempotency key is still under way."""


class KeyTakenError(Exception):
    """The ledger has an answer for this idempotency key already."""


class VoidedError(Exception):
    """The ledger was told that this reservation never came to be."""


class OverloadedError(StockspanError):
    """There is more to do than can be done: the request was not begun, and had no effect."""


class LedgerUnavailableError(StockspanError):
    """PostgreSQL did not answer in time, or refused; what was asked may have been done."""


class NotReadyError(StockspanError):
    """The store is cold: these feeds have not been loaded yet."""

    def __init__(self, feeds: tuple[str, ...] = ()) -> None:
        super().__init__(", ".join(feeds))
        self.feeds = feeds


class FigureExpiredError(NotReadyError):
    """The figure of this SKU is older than may be told."""

    def __init__(self, sku: str) -> None:
        super().__init__()
        self.sku = sku


class StoreUnavailableError(StockspanError):
    """Redis did not answer in time, or the link is broken."""


class StoreFullError(StoreUnavailableError):
    """Redis is out of memory and refused the write."""
