"""The rows of the sample ERP: one class a table, its fields the columns that are loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple


class Group(NamedTuple):
    """A row of `item_group`."""

    group_code: str
    description: str


class Warehouse(NamedTuple):
    """A row of `warehouse`."""

    warehouse_code: str
    description: str
    is_store: bool
    pick_days: int
    ships: bool
    collect: bool
    pick_sequence: int


class Item(NamedTuple):
    """A row of `item`, but for the version that its trigger fills."""

    item_no: str
    description: str
    group_code: str
    unit: str
    life_cycle: str
    launch_date: date | None
    purchase_lead_days: int
    procure_to_order: bool
    min_order_quantity: Decimal
    quantity_multiple: Decimal
    max_order_quantity: Decimal | None
    discount_group: str | None
    sales_range: str | None
    vat_percent: Decimal
    handling_class: str | None
    abc_class: str
    front_page: int | None
    changed_at: datetime


class Balance(NamedTuple):
    """A row of `stock_balance`, but for the version that its trigger fills."""

    item_no: str
    warehouse_code: str
    on_hand: Decimal
    reserved: Decimal
    safety_stock: Decimal
    changed_at: datetime


class Order(NamedTuple):
    """A row of `purchase_order`."""

    po_no: str
    supplier: str
    ordered_on: date


class OrderLine(NamedTuple):
    """A row of `purchase_order_line`."""

    po_no: str
    line_no: int
    item_no: str
    warehouse_code: str
    open_quantity: Decimal
    expected_on: date


class CustomerGroup(NamedTuple):
    """A row of `customer_group`."""

    group_code: str
    description: str


class Customer(NamedTuple):
    """A row of `customer`, but for the version that its trigger fills."""

    customer_no: int
    company_name: str
    city: str
    country_code: str
    group_code: str
    discount_class: str | None
    currency: str
    sales_channel: str
    sales_ranges: tuple[str, ...]
    credit_status: str
    changed_at: datetime


class PriceBook(NamedTuple):
    """A row of `price_book`, but for the version that its trigger fills."""

    book_code: str
    title: str
    book_type: str
    currency: str
    precedence: int
    first_day: date | None
    last_day: date | None
    sales_channel: str | None
    group_code: str | None
    customer_no: int | None
    changed_at: datetime


class FrameworkMember(NamedTuple):
    """A row of `framework_member`."""

    book_code: str
    customer_no: int


class PriceLine(NamedTuple):
    """A row of `price_line`, but for what the table fills in."""

    book_code: str
    item_no: str | None
    group_code: str | None
    from_quantity: Decimal
    price: Decimal | None
    percent_off: Decimal | None
    first_day: date | None
    last_day: date | None
    changed_at: datetime


class ClassDiscount(NamedTuple):
    """A row of `class_discount`, but for the version that its trigger fills."""

    discount_class: str
    discount_group: str
    percent_off: Decimal
    first_day: date
    last_day: date | None
    changed_at: datetime


class SalesOrder(NamedTuple):
    """A row of `sales_order`, but for the version that its trigger fills."""

    order_no: str
    customer_no: int
    sales_channel: str
    received_at: datetime
    status: str
    accepted_at: datetime | None
    dispatched_at: datetime | None
    changed_at: datetime


class SalesOrderLine(NamedTuple):
    """A row of `sales_order_line`."""

    order_no: str
    line_no: int
    item_no: str
    warehouse_code: str
    quantity: Decimal
    booked_at: datetime | None


@dataclass
class Rows:
    """The rows of every table, in the order of its columns."""

    groups: list[Group] = field(default_factory=list)
    warehouses: list[Warehouse] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    order_lines: list[OrderLine] = field(default_factory=list)
    customer_groups: list[CustomerGroup] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    books: list[PriceBook] = field(default_factory=list)
    members: list[FrameworkMember] = field(default_factory=list)
    lines: list[PriceLine] = field(default_factory=list)
    discounts: list[ClassDiscount] = field(default_factory=list)
    sales_orders: list[SalesOrder] = field(default_factory=list)
    sales_order_lines: list[SalesOrderLine] = field(default_factory=list)
