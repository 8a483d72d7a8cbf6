"""A stand-in for mail server and SMS services: takes everything, sends nothing, and shows what it got."""

from postbox.box import Box, Message
from postbox.server import PostboxConfig, RunningPostbox, serve

__all__ = ["Box", "Message", "PostboxConfig", "RunningPostbox", "serve"]
