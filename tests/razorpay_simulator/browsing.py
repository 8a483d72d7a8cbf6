"""A person at the simulator's pages whose browser runs no script: reads, fills in and sends forms."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from tests.razorpay_simulator.conftest import Wire


@dataclass(slots=True)
class Person:
    """Follows redirections, and keeps the page that is open."""

    call: Wire
    headers: dict[str, str] = field(default_factory=dict)
    path: str = ""
    status: int = 0
    text: str = ""

    async def open(self, path: str) -> str:
        """Go to a page."""
        return await self._ask("GET", path)

    async def send(self, path: str, **form: Any) -> str:
        """Send a form with the hidden fields of the page."""
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self.text)
        kept = {name: unescape(value) for name, value in hidden}
        return await self._ask("POST", path, data=kept | form)

    async def _ask(self, method: str, path: str, **more: Any) -> str:
        url = self.call.simulator.url + path
        async with self.call.session.request(method, url, headers=self.headers, **more) as answer:
            self.path, self.status, self.text = answer.url.path_qs, answer.status, await answer.text()
        return self.text

    async def begin(self, method: str, **form: Any) -> str:
        """Make an order, choose how to pay it, and come to the bank's page."""
        order = await self.call.order(1_23_456)
        await self.open(f"/checkout/{order['id']}?key_id={self.call.key_id}&name=A+Shop")
        await self.send(f"/checkout/{order['id']}/pay", method=method, outcome="ask", **form)
        assert self.status == 200, self.text
        return str(order["id"])

    async def answer(self, given: str, **form: Any) -> str:
        """Press a button of the bank's page."""
        return await self.send(self.path.partition("?")[0], answer=given, **form)
