"""Styles and scripts, each at an address with the digest of them all, so that browsers may keep them for ever.

One digest for the whole set, and not one for each file, lets one module import another by its relative name.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from app.pages.route import PageRoute
from app.web.errors import NotFound

ASSETS_PATH = "/static"
FOLDER = "static"
_TYPES: Mapping[str, str] = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_DIGEST_LENGTH = 16
_FOR_EVER = "public, max-age=31536000, immutable"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Assets:
    """The files of every room, by name; the version is a digest over them all."""

    bodies: Mapping[str, bytes]
    version: str

    @classmethod
    def load(cls, rooms: Iterable[str]) -> "Assets":
        """Read the `static` folders of these packages. Raises ValueError when two rooms have a file of one name."""
        bodies: dict[str, bytes] = {}
        for room in rooms:
            folder = files(room).joinpath(FOLDER)
            for file in sorted(folder.iterdir(), key=lambda found: found.name) if folder.is_dir() else ():
                if file.name in bodies:
                    message = f"{file.name}: two rooms have a file of this name"
                    raise ValueError(message)
                bodies[file.name] = file.read_bytes()
        digest = hashlib.sha256()
        for name, body in sorted(bodies.items()):
            digest.update(f"{name} {len(body)} ".encode() + body)
        return cls(bodies, digest.hexdigest()[:_DIGEST_LENGTH])

    def url(self, name: str) -> str:
        """Return the address of a file. Raises KeyError when there is none, so that a page shows its typing mistake."""
        if name not in self.bodies:
            raise KeyError(name)
        return f"{ASSETS_PATH}/{self.version}/{name}"

    def answer(self, name: str, *, version: str) -> Response:
        """Return a file. Raises NotFound. A page of another version gets today's file, which nobody then keeps."""
        body = self.bodies.get(name)
        if body is None:
            raise NotFound
        headers = {"Cache-Control": _FOR_EVER if version == self.version else "no-cache"}
        return Response(body, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)


@router.get(f"{ASSETS_PATH}/{{version}}/{{name}}", response_model=None)
async def static_get(version: str, name: str, request: Request) -> Response:
    """Return a style or script by its name in a fixed set."""
    assets: Assets = request.app.state.pages.assets
    return assets.answer(name, version=version)
