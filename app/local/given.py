"""The database that somebody runs elsewhere and gave us by MONGODB_URL: can it be used?"""

from typing import Any
from urllib.parse import urlsplit

from app.local.problems import DatabaseUnusable

_ANSWER_SECONDS = 4


def require_database(url: str) -> None:
    """Raise DatabaseUnusable, which shows no more of the address than its hosts, unless a replica set answers there."""
    # Imported here: a run with the embedded database loads the driver while its mongod starts.
    from pymongo import MongoClient  # noqa: PLC0415  see above
    from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError  # noqa: PLC0415

    client: MongoClient[dict[str, Any]]
    try:
        with MongoClient(url, serverSelectionTimeoutMS=_ANSWER_SECONDS * 1000) as client:
            hello = client.admin.command("hello")
    except (InvalidURI, ConfigurationError, ValueError) as error:
        # What the driver says of an address repeats pieces of it, and one that is written wrongly may hold a password.
        raise DatabaseUnusable("", "is no address that can be read; it looks like mongodb://host:27017") from error
    except OperationFailure as error:
        code = (error.details or {}).get("codeName", "an error")
        raise DatabaseUnusable(_hosts_of(url), f"refuses us ({code})") from error
    except PyMongoError as error:
        raise DatabaseUnusable(_hosts_of(url), f"did not answer within {_ANSWER_SECONDS} s") from error
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise DatabaseUnusable(_hosts_of(url), "is no replica set, which transactions need; start it with --replSet")


def _hosts_of(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
