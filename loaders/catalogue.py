"""Products and locations as operations: what there is to sell, and where it may lie."""

from __future__ import annotations

from gateway.domain.stock import Location, LocationKind, Product, ProductStatus
from gateway.store.codec import location_payload, product_payload
from gateway.store.entries import PRODUCT_NAME
from loaders import fields, spots
from loaders.operations import Address, PlainOperations, fitting
from loaders.reasons import WrongFieldError
from loaders.records import LocationRecord, ProductRecord


def products() -> PlainOperations[ProductRecord]:
    """What is known of product records."""
    return PlainOperations(_product_address, _product_payload)


def locations() -> PlainOperations[LocationRecord]:
    """What is known of location records."""
    return PlainOperations(_location_address, _location_payload)


def _product_address(record: ProductRecord) -> Address:
    return spots.product(fields.identifier("sku", record.sku)), PRODUCT_NAME


def _location_address(record: LocationRecord) -> Address:
    return spots.LOCATIONS, fields.identifier("location", record.location)


def _product_payload(record: ProductRecord) -> bytes:
    available_from = fields.release(record.available_from)
    status = record.status or ProductStatus.ACTIVE
    if status is ProductStatus.PREORDER and available_from is None:
        raise WrongFieldError("available_from", "is needed with the status preorder")
    product = Product(
        name=fields.name(record.name),
        status=status,
        available_from=available_from,
        product_group=fields.text_or_none("product_group", record.product_group),
        discount_class=fields.text_or_none("discount_class", record.discount_class),
        stock_class=fields.text_or_none("stock_class", record.stock_class),
        unit=fields.text_or_none("unit", record.unit) or "EA",
        min_order_quantity=fields.quantity("min_order_quantity", record.min_order_quantity or 0),
        order_multiple=fields.quantity("order_multiple", record.order_multiple or 0),
        max_order_quantity=fields.optional_quantity(
            "max_order_quantity", record.max_order_quantity
        ),
        tax_rate=fields.rate(record.tax_rate),
        lead_time_days=fields.days("lead_time_days", record.lead_time_days),
        backorder=bool(record.backorder),
        assortments=fields.identifiers("assortments", record.assortments),
    )
    return fitting("assortments", product_payload(product))


def _location_payload(record: LocationRecord) -> bytes:
    location = Location(
        record.location,
        name=fields.name(record.name),
        kind=record.kind or LocationKind.WAREHOUSE,
        handling_days=fields.days("handling_days", record.handling_days) or 0,
        ships=record.ships is not False,
        pickup=bool(record.pickup),
        channels=fields.identifiers("channels", record.channels),
        priority=fields.whole("priority", record.priority) or 0,
    )
    return fitting("channels", location_payload(location))
