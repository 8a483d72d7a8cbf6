"""What the identity routers ask of the application."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.auth.keys import ApiKeys
from app.auth.service import Accounts
from app.auth.sessions import Sessions
from app.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class AuthDoor:
    """The identity services; wiring puts one into `app.state.auth_door`."""

    accounts: Accounts
    sessions: Sessions
    keys: ApiKeys
    clock: Clock


async def _door(request: Request) -> AuthDoor:
    door: AuthDoor = request.app.state.auth_door
    return door


Door = Annotated[AuthDoor, Depends(_door)]
