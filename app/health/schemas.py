"""What the health routes show."""

from typing import Literal

from pydantic import BaseModel

from app.health.service import CollectionFacts, DatabaseFacts, Readiness


class HealthRead(BaseModel):
    """The seed's basic health."""

    service: str
    version: str
    database: Literal["connected", "unavailable"]


class LiveRead(BaseModel):
    """The process answers; nothing else is asked."""

    alive: Literal[True]


class ReadyRead(BaseModel):
    """Every check of readiness, all fine."""

    database: bool
    indexes: bool
    accepting: bool

    @classmethod
    def of(cls, readiness: Readiness) -> "ReadyRead":
        """Show the checks."""
        return cls(database=readiness.database, indexes=readiness.indexes, accepting=readiness.accepting)


class CollectionRead(BaseModel):
    """What a collection holds; sizes in bytes."""

    name: str
    documents: int
    size_bytes: int
    index_bytes: int
    indexes: list[str]

    @classmethod
    def of(cls, facts: CollectionFacts) -> "CollectionRead":
        """Show the facts."""
        return cls(
            name=facts.name,
            documents=facts.documents,
            size_bytes=facts.size_bytes,
            index_bytes=facts.index_bytes,
            indexes=list(facts.indexes),
        )


class DatabaseStatsRead(BaseModel):
    """What the database says of itself."""

    name: str
    version: str
    replica_set: str | None
    members: dict[str, str]
    collections: list[CollectionRead]

    @classmethod
    def of(cls, facts: DatabaseFacts) -> "DatabaseStatsRead":
        """Show the facts."""
        return cls(
            name=facts.name,
            version=facts.version,
            replica_set=facts.replica_set,
            members=dict(facts.members),
            collections=[CollectionRead.of(item) for item in facts.collections],
        )


class DatabaseStatusRead(BaseModel):
    """Whether the database answers; its statistics for those who may see them, else null."""

    status: Literal["connected"]
    stats: DatabaseStatsRead | None
