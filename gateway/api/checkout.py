"""The checkout lookup over HTTP (CONTRACT 5)."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET
from msgspec.structs import replace

from gateway.api.auth import STOCK_EXACT, Authentication
from gateway.api.bodies import read_json
from gateway.api.checkout_operations import CHECKOUT
from gateway.api.checkout_parameters import checkout_request, texts_of
from gateway.api.checkout_shapes import (
    CheckoutLineShape,
    CheckoutQuery,
    CheckoutShape,
    RuleShape,
    RulesShape,
    TotalsShape,
)
from gateway.api.price_fragments import priced
from gateway.api.price_shapes import Money
from gateway.api.problem_kinds import KINDS
from gateway.api.routes import JSON, Route
from gateway.api.shapes import ItemError, StockItem, encode
from gateway.api.stock_fragments import stock_item
from gateway.domain.money import Amount, amount_text
from gateway.domain.order_rules import QuantityRules, Rule
from gateway.domain.quantities import to_number
from gateway.services.checkout import CheckedLine, Checkout, CheckoutAnswer, LineProblem
from gateway.services.selling import SellingRules

SCOPE: Final = "checkout"

_HEADERS: Final = {hdrs.CONTENT_TYPE: JSON}

_decoder = msgspec.json.Decoder(CheckoutQuery)


class CheckoutHandlers:
    """Reads what is asked, has it answered, and writes the answer down."""

    def __init__(
        self,
        checkout: Checkout,
        rules: SellingRules,
        authentication: Authentication,
    ) -> None:
        self._checkout = checkout
        self._rules = rules
        self._authentication = authentication

    def routes(self) -> tuple[Route, ...]:
        """What is served here."""
        return (Route("POST", "/v1/checkout", self.look, CHECKOUT),)

    async def look(self, request: web.Request) -> web.Response:
        """A whole cart, for any customer."""
        caller = self._authentication.require(request, SCOPE)
        body = await read_json(request, _decoder, texts_of)
        language = request.headers.get(hdrs.ACCEPT_LANGUAGE)
        answer = await self._checkout.look(checkout_request(body, self._rules, language))
        shape = self._shape(answer, exact=caller.may(STOCK_EXACT))
        return web.Response(body=encode(shape), headers=_HEADERS)

    def _shape(self, answer: CheckoutAnswer, *, exact: bool) -> CheckoutShape:
        customer = answer.customer

        def money(amount: Amount) -> Money:
            return Money(amount_text(amount, answer.digits), answer.currency)

        totals = answer.totals
        return CheckoutShape(
            None if customer is None else customer.customer,
            None if customer is None else customer.status,
            answer.channel.name,
            answer.currency,
            [self._line(line, answer, exact=exact) for line in answer.lines],
            TotalsShape(money(totals.net), money(totals.tax), money(totals.gross)),
            answer.price_token,
        )

    def _line(
        self, checked: CheckedLine, answer: CheckoutAnswer, *, exact: bool
    ) -> CheckoutLineShape:
        line, price = checked.line, None
        if checked.price is not None:
            text = priced(checked.price, answer.currency, answer.digits)
            price = msgspec.Raw(text.encode())
        return CheckoutLineShape(
            sku=line.sku,
            quantity=to_number(line.quantity),
            location=UNSET if line.location is None else line.location,
            stock=_stock(checked, exact=exact),
            price=price,
            rules=None if checked.rules is None else _rules(checked.rules),
            confirmed=checked.stock is not None and checked.stock.confirmed,
            confirm_reason=UNSET if checked.unconfirmed is None else checked.unconfirmed,
            errors=[_error(problem) for problem in checked.problems],
        )


def _stock(checked: CheckedLine, *, exact: bool) -> StockItem | None:
    if checked.stock is None:
        return None
    told = checked.stock if exact else replace(checked.stock, salable=None)
    return stock_item(told, judged=True)


def _rules(rules: QuantityRules) -> RulesShape:
    return RulesShape(
        rules.kept,
        None if rules.nearest is None else to_number(rules.nearest),
        _rule(rules.min_order_quantity),
        _rule(rules.order_multiple),
        _rule(rules.max_order_quantity),
    )


def _rule(rule: Rule) -> RuleShape:
    return RuleShape(None if rule.limit is None else to_number(rule.limit), rule.kept)


def _error(problem: LineProblem) -> ItemError:
    kind = KINDS[problem]
    return ItemError(kind.type, kind.title)
