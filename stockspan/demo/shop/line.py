"""The switch of the line to the ERP, for the shop's page.

GET /erp.json              what the line is like (up, slow, hanging, down), and since when
POST /erp {"condition": …}  makes it so; answers the same
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from stockspan.demo.erp_line import Condition, ErpLine
from stockspan.demo.shop.bodies import json_response, read_body


class Turn(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /erp."""

    condition: Condition


class LineSwitch:
    """The handlers."""

    def __init__(self, line: ErpLine) -> None:
        self._line = line

    def routes(self) -> list[web.RouteDef]:
        """What is served here."""
        return [web.get("/erp.json", self.state), web.post("/erp", self.turn)]

    async def state(self, _: web.Request) -> web.Response:
        """As the line is now."""
        return json_response(self._line.state)

    async def turn(self, request: web.Request) -> web.Response:
        """Break it, or mend it."""
        wanted = await read_body(request, Turn)
        return json_response(await self._line.turn(wanted.condition))
