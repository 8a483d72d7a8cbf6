"""Where a request comes from."""

from starlette.requests import Request

from app.kit.addresses import network_of


def address_of(request: Request) -> str:
    """Return the address that asks, as one asker has it (`network_of`).

    It is whoever connected, or whom a proxy named that the deployment trusts (TRUSTED_PROXIES).
    """
    return network_of(request.client.host) if request.client else "unknown"
