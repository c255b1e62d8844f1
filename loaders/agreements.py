"""Heads of price lists, customers and the discount matrix as operations: who pays what."""

from __future__ import annotations

from gateway.domain.customers import Customer, CustomerStatus
from gateway.domain.price_lists import Discount, PriceList
from gateway.store.customer_codec import customer_payload
from gateway.store.entries import LARGEST_PAYLOAD, ONLY_NAME
from gateway.store.price_codec import discount_payload, list_payload, name_of_discount
from loaders import fields, spots
from loaders.operations import Address, PlainOperations, fitting
from loaders.reasons import MISSING, WrongFieldError
from loaders.records import CustomerRecord, DiscountRecord, PriceListRecord


def price_lists() -> PlainOperations[PriceListRecord]:
    """What is known of the heads of price lists."""
    return PlainOperations(_list_address, _list_payload)


def customers() -> PlainOperations[CustomerRecord]:
    """What is known of customers."""
    return PlainOperations(_customer_address, _customer_payload)


def discounts() -> PlainOperations[DiscountRecord]:
    """What is known of the discount matrix."""
    return PlainOperations(_discount_address, _discount_payload)


def _list_address(record: PriceListRecord) -> Address:
    return spots.head(fields.identifier("price_list", record.price_list)), ONLY_NAME


def _customer_address(record: CustomerRecord) -> Address:
    return spots.customer(fields.identifier("customer", record.customer)), ONLY_NAME


def _discount_address(record: DiscountRecord) -> Address:
    of_customers = fields.class_name("discount_class", record.discount_class)
    of_products = fields.class_name("product_discount_class", record.product_discount_class)
    from_ms = fields.moment_ms("valid_from", record.valid_from)
    return spots.discounts(of_customers), name_of_discount(of_products, from_ms)


def _list_payload(record: PriceListRecord) -> bytes:
    currency = fields.currency(record.currency)
    if record.layer is None:
        raise WrongFieldError("layer", MISSING)
    price_list = PriceList(
        record.price_list,
        currency,
        record.layer,
        priority=fields.whole("priority", record.priority) or 0,
        tax_included=bool(record.tax_included),
        validity=fields.validity(record.valid_from, record.valid_until),
        customers=frozenset(fields.identifiers("customers", record.customers)),
        groups=frozenset(fields.identifiers("groups", record.groups)),
        channels=frozenset(fields.identifiers("channels", record.channels)),
    )
    payload = list_payload(price_list)
    if len(payload) > LARGEST_PAYLOAD:
        raise WrongFieldError("customers")
    return payload


def _customer_payload(record: CustomerRecord) -> bytes:
    customer = Customer(
        record.customer,
        name=fields.name(record.name),
        groups=frozenset(fields.identifiers("groups", record.groups)),
        price_lists=frozenset(fields.identifiers("price_lists", record.price_lists)),
        discount_class=fields.text_or_none("discount_class", record.discount_class),
        currency=fields.currency(record.currency) if record.currency else None,
        channel=fields.optional_identifier("channel", record.channel),
        assortments=frozenset(fields.identifiers("assortments", record.assortments)),
        status=record.status or CustomerStatus.ACTIVE,
    )
    return fitting("price_lists", customer_payload(customer))


def _discount_payload(record: DiscountRecord) -> bytes:
    percent = fields.discount_percent(record.discount_percent)
    validity = fields.validity(record.valid_from, record.valid_until)
    return discount_payload(
        Discount(record.discount_class, record.product_discount_class, percent, validity)
    )
