"""Our gateway, the simulator behind it over HTTP, and the simulator's control API."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from app.gateways.port import CaptureMethod, Credentials, GatewayOrder, OrderRequest
from app.gateways.razorpay.adapter import RazorpayGateway
from app.gateways.razorpay.factory import RazorpayGateways
from app.kit.money import Money
from app.kit.scope import Mode
from razorpay_simulator import RunningSimulator
from tests.gateways.razorpay.samples import OUR_ID

RUPEES_500 = Money(50000, "INR")


@dataclass
class Rig:
    """A simulator, its control API, and our gateway to it."""

    simulator: RunningSimulator
    gateways: RazorpayGateways
    session: aiohttp.ClientSession

    @property
    def gateway(self) -> RazorpayGateway:
        return self.as_merchant(self.simulator.key_id, self.simulator.key_secret)

    def as_merchant(self, key_id: str, key_secret: str) -> RazorpayGateway:
        return self.gateways.for_credentials(Credentials(key_id, key_secret, Mode.TEST))

    async def control(self, method: str, path: str, /, **body: Any) -> Any:
        async with self.session.request(method, f"{self.simulator.url}/_sim{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def order(self, *, method: CaptureMethod = CaptureMethod.AUTOMATIC) -> GatewayOrder:
        return await self.gateway.create_order(OrderRequest(OUR_ID, RUPEES_500, method, {"payment_id": OUR_ID}))

    async def pay(self, order: GatewayOrder, **how: Any) -> Any:
        return await self.control("POST", f"/orders/{order.id}/pay", **how)
