"""What a control command is, and how it reads its fields."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from razorpay_simulator.calls import RouteTable
from razorpay_simulator.errors import bad_request
from razorpay_simulator.world import Account, World


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCall:
    """One call of the control API."""

    world: World
    routes: RouteTable
    params: dict[str, Any]
    query: dict[str, str]
    body: dict[str, Any]

    def account(self) -> Account:
        """Return the account that `account_id` or `key_id` names, else the default one. Raises ApiError."""
        name = next(
            (
                str(source[field])
                for source in (self.body, self.query)
                for field in ("account_id", "key_id")
                if source.get(field)
            ),
            None,
        )
        if name is None:
            return self.world.default_account
        found = self.world.find_account(name)
        if found is None:
            raise bad_request(f"There is no account {name}.")
        return found

    def number(self, name: str, default: float | None = None, *, minimum: float = 0) -> float:
        """Return a number from the body. Raises ApiError."""
        value = self.body.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not minimum <= value < 1e12:
            raise bad_request(f"{name} must be a number of at least {minimum}.", field=name)
        return value

    def whole(self, name: str, default: int | None = None, *, minimum: int = 0) -> int:
        """Return a whole number from the body. Raises ApiError."""
        value = self.body.get(name, default)
        if type(value) is not int or value < minimum:
            raise bad_request(f"{name} must be a whole number of at least {minimum}.", field=name)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no from the body. Raises ApiError."""
        value = self.body.get(name, default)
        if not isinstance(value, bool):
            raise bad_request(f"{name} must be true or false.", field=name)
        return value

    def text(self, name: str) -> str | None:
        """Return a text from the body, None when it is absent. Raises ApiError."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, str):
            raise bad_request(f"{name} must be a text.", field=name)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A route of the control API; it refuses fields that it doesn't know, so that a typo can't pass."""

    method: str
    path: str
    handler: Callable[[ControlCall], Awaitable[Any]]
    summary: str
    fields: frozenset[str] = frozenset()


ACCOUNT_FIELDS = frozenset({"account_id", "key_id"})
