"""What the product says to its database: which writes, in which transactions."""

from dataclasses import dataclass, field
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

_WRITES = {"insert", "update", "delete", "findAndModify", "bulkWrite"}


@dataclass
class Commands(CommandListener):
    """Hears every command from `forget` on."""

    inside: list[tuple[str, str]] = field(default_factory=list)
    """Writes within transactions: command and collection."""

    outside: list[tuple[str, str]] = field(default_factory=list)
    commits: int = 0
    aborts: int = 0

    def forget(self) -> None:
        self.inside, self.outside, self.commits, self.aborts = [], [], 0, 0

    def started(self, event: CommandStartedEvent) -> None:
        command: Any = event.command
        name = event.command_name
        self.commits += name == "commitTransaction"
        self.aborts += name == "abortTransaction"
        if name in _WRITES:
            where = self.inside if command.get("autocommit") is False else self.outside
            where.append((name, str(command[name])))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass
