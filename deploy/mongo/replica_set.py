"""Make fresh mongods a replica set with users, each with no more rights than it needs. Repeating it changes nothing.

    python replica_set.py mongo-1:27017 mongo-2:27017 mongo-3:27017

It has to run where the first member is at 127.0.0.1 (in Compose: in its network namespace), because MongoDB lets nobody
but a local caller make the first user. So the set begins with that member alone, which leads it, and takes the others
in once there is an administrator. Passwords come from files of the folder SECRETS_DIR (/run/secrets):
`mongo_admin_password`, `mongo_app_password`, `mongo_backup_password` and `mongo_monitor_password`; the database's name
comes from DATABASE_NAME.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

_PATIENCE_SECONDS = 180.0
_LOOK_SECONDS = 0.5
_ALREADY_INITIALIZED = 23
_REFUSED_TO_STRANGERS = frozenset({13, 18})
_SET = "rs0"
# For members in one region; measured in docs/reliability.md.
_SETTINGS = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}

Client = MongoClient[dict[str, Any]]


def roles_by_user(database: str) -> dict[str, list[dict[str, str]]]:
    """Return who there is besides the administrator, and what each may."""
    return {
        # Documents, indexes and validators of its own database; and how the set is, for /db-status.
        "app": [
            {"role": "readWrite", "db": database},
            {"role": "dbAdmin", "db": database},
            {"role": "clusterMonitor", "db": "admin"},
        ],
        "backup": [{"role": "read", "db": database}],
        "monitor": [{"role": "clusterMonitor", "db": "admin"}, {"role": "read", "db": "local"}],
    }


def main(members: Sequence[str]) -> int:
    """Set everything up; return the exit status."""
    if not members:
        sys.stderr.write("Usage: replica_set.py HOST:PORT [HOST:PORT ...]\n")
        return 2
    local = f"127.0.0.1:{members[0].rpartition(':')[2]}"
    administrator = _password("admin")
    try:
        _begin_set(local, members[0])
        _make_administrator(local, administrator)
        with closing(_administered(members[0], administrator)) as client:
            for member in members[1:]:
                _take_in(client, member)
            _make_users(client, os.environ.get("DATABASE_NAME", "Payment-Gateway"))
    except (PyMongoError, TimeoutError) as error:
        sys.stderr.write(f"The replica set is not ready: {error}\n")
        return 1
    sys.stdout.write(f"The replica set of {len(members)} is ready, and its users have their passwords.\n")
    return 0


def _begin_set(local: str, member: str) -> None:
    config = {"_id": _SET, "members": [{"_id": 0, "host": member}], "settings": _SETTINGS}
    for _ in _while_patient("the first member to answer"):
        with closing(_direct(local)) as client:
            try:
                client.admin.command("replSetInitiate", config)
            except OperationFailure as refused:
                # A set with users says to strangers only that they are strangers.
                if refused.code == _ALREADY_INITIALIZED or refused.code in _REFUSED_TO_STRANGERS:
                    return
                raise
            except AutoReconnect:
                continue
            return


def _make_administrator(local: str, password: str) -> None:
    roles = [{"role": "root", "db": "admin"}]
    for _ in _while_patient("the set to have a primary and an administrator"):
        with closing(_direct(local)) as client:
            try:
                client.admin.command("createUser", "admin", pwd=password, roles=roles)
            except OperationFailure as refused:
                if refused.code in _REFUSED_TO_STRANGERS:
                    return
            except AutoReconnect:
                pass
            else:
                return


def _take_in(client: Client, member: str) -> None:
    """Add one member to the set; one at a time, as MongoDB asks for."""
    for _ in _while_patient(f"{member} to be taken into the set"):
        try:
            config = client.admin.command("replSetGetConfig")["config"]
            if any(known["host"] == member for known in config["members"]):
                return
            number = 1 + max(known["_id"] for known in config["members"])
            config["members"].append({"_id": number, "host": member})
            config["version"] += 1
            client.admin.command("replSetReconfig", config)
        except PyMongoError:
            # It is not up yet, or an earlier change is not settled yet.
            continue


def _make_users(client: Client, database: str) -> None:
    known = {user["user"] for user in client.admin.command("usersInfo")["users"]}
    for name, roles in roles_by_user(database).items():
        # Whoever is there gets today's password and roles: a password is changed by a new file and one more start.
        command = "updateUser" if name in known else "createUser"
        client.admin.command(command, name, pwd=_password(name), roles=roles)


def _direct(address: str) -> Client:
    return MongoClient(address, directConnection=True, serverSelectionTimeoutMS=2000, connectTimeoutMS=2000)


def _administered(member: str, password: str) -> Client:
    return MongoClient(
        member,
        replicaSet=_SET,
        username="admin",
        password=password,
        serverSelectionTimeoutMS=30_000,
        w="majority",
        wTimeoutMS=30_000,
    )


def _password(user: str) -> str:
    folder = Path(os.environ.get("SECRETS_DIR", "/run/secrets"))
    return (folder / f"mongo_{user}_password").read_text(encoding="utf-8").strip()


def _while_patient(awaited: str) -> Iterator[None]:
    """Yield again and again with a rest between. Raises TimeoutError once patience has ended."""
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        yield
        time.sleep(_LOOK_SECONDS)
    message = f"waited {_PATIENCE_SECONDS:.0f} s for {awaited}"
    raise TimeoutError(message)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
