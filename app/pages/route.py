"""The route class of pages: behind the same guard as the API, with forms instead of JSON."""

from collections.abc import Callable
from typing import Any

from app.web.route import IDEMPOTENCY_EXTENSION, KeyPolicy, Route


class PageRoute(Route):
    """A route that answers with a page. It takes no `Idempotency-Key`: browsers send none."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Switch the keeping of answers off; the operation is named after its function like every other."""
        options["openapi_extra"] = {**(options.get("openapi_extra") or {}), IDEMPOTENCY_EXTENSION: KeyPolicy.NONE.value}
        super().__init__(path, endpoint, **options)
