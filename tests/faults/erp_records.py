"""What an ERP says: how much of a SKU lies where, and what has become of an order."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Level:
    """A stock record. `includes` grows: an order may be dated before a record that is out."""

    sku: str
    location: str
    version: int
    quantity: int
    stamp_ms: int
    includes: list[str] = field(default_factory=list)

    @property
    def body(self) -> dict[str, Any]:
        """As a history has it."""
        return {
            "location": self.location,
            "version": self.version,
            "quantity": self.quantity,
            "includes": self.includes,
        }

    @property
    def record(self) -> dict[str, Any]:
        """As a loader takes it."""
        return {
            "sku": self.sku,
            "location": self.location,
            "version": self.version,
            "quantity": self.quantity,
            "updated_at": moment(self.stamp_ms),
        }


@dataclass(frozen=True)
class Word:
    """What the ERP says of an order."""

    order_ref: str
    status: str
    stamp_ms: int

    @property
    def record(self) -> dict[str, Any]:
        """As a loader takes it."""
        return {
            "order_ref": self.order_ref,
            "status": self.status,
            "acknowledged_at": moment(self.stamp_ms),
        }


def now_ms() -> int:
    """The time of day."""
    return time.time_ns() // 1_000_000


def moment(stamp_ms: int) -> str:
    """As records tell it."""
    return datetime.fromtimestamp(stamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
