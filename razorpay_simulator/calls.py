"""One API call as handlers see it, and the table of routes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from razorpay_simulator.world import Account, World

Handler = Callable[["Call"], Any]


@dataclass(slots=True)
class Call:
    """An authenticated call, its body and query already read.

    Args:
        world: everything there is.
        account: whose key was used.
        path_params: the parts of the path that the template names.
        query: the query's pairs in order.
        expands: what is to be expanded.
        body: the body's fields.
        headers: lower-case names and values.
        base_url: how the client reached us, without a path.
        ignores_idempotency: a fault that makes us forget keys.
    """

    world: World
    account: Account
    path_params: Mapping[str, str]
    query: list[tuple[str, str]]
    expands: frozenset[str]
    body: dict[str, Any]
    headers: Mapping[bytes, bytes]
    base_url: str = ""
    ignores_idempotency: bool = False

    def param(self, name: str) -> str | None:
        """Return a query parameter, the last if it is repeated; a blank one counts as absent."""
        found = None
        for key, value in self.query:
            if key == name:
                found = value
        return found or None

    def header(self, name: bytes) -> str | None:
        """Return a header by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path template with its handler.

    Args:
        method: the HTTP method.
        template: such as `/v1/orders/{id}`.
        handler: reads a call, changes the world, returns the JSON value; runs without a pause, so it is atomic.
        is_public: whether the key id alone is enough, as for what checkout itself calls.
    """

    method: str
    template: str
    handler: Handler
    is_public: bool = False
    segments: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", tuple(self.template.strip("/").split("/")))

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Return the path's parameters, or None when the path is another."""
        params = {}
        for ours, theirs in zip(self.segments, segments, strict=True):
            if ours.startswith("{"):
                params[ours[1:-1]] = theirs
            elif ours != theirs:
                return None
        return params


class RouteTable:
    """Finds routes without regard to trailing slashes; a literal path goes before one with parameters."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = sorted(routes, key=lambda route: route.template.count("{"))
        self._by_shape: dict[tuple[str, int], list[Route]] = {}
        for route in self.routes:
            self._by_shape.setdefault((route.method, len(route.segments)), []).append(route)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a path with its parameters."""
        segments = path.strip("/").split("/")
        for route in self._by_shape.get((method, len(segments)), ()):
            params = route.match(segments)
            if params is not None:
                return route, params
        return None

    def knows(self, path: str) -> bool:
        """Tell whether the path is served with any method."""
        return any(self.find(method, path) for method in ("GET", "POST", "PUT", "PATCH", "DELETE"))

    def has_template(self, template: str) -> bool:
        """Tell whether this is the template of a route."""
        return any(route.template == template for route in self.routes)
