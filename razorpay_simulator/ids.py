"""Ids in the processor's format: a prefix and 14 letters and digits."""

import random
import re
import string

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 14
_TAIL = re.compile(r"[A-Za-z0-9]{14}")


class Ids:
    """A seeded source of ids.

    Args:
        seed: the same seed gives the same ids in the same order.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311  ids must be reproducible here, not secret

    def bare(self) -> str:
        """Return 14 letters and digits, as webhooks and events are named."""
        return "".join(self._random.choices(_ALPHABET, k=_LENGTH))

    def new(self, prefix: str) -> str:
        """Return an id such as `order_` and 14 letters and digits."""
        return f"{prefix}_{self.bare()}"

    def digits(self, count: int) -> str:
        """Return a number as text, such as a bank's reference."""
        return "".join(self._random.choices(string.digits, k=count))


def is_id(text: str, prefix: str) -> bool:
    """Tell whether a text has the form of an id with this prefix."""
    head, _, tail = text.rpartition("_")
    return head == prefix and _TAIL.fullmatch(tail) is not None
