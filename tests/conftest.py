"""What every test may ask for: one real mongod for the whole run, and a database name for each xdist worker."""

import os
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings

from app.local.embedded import EmbeddedMongod, become_primary
from tests.patience import patient

# How fast a machine draws examples is nothing that a test may depend on.
settings.register_profile("shared_machine", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("shared_machine")

GIVEN_URL = "TEST_MONGODB_URL"  # set it to use a replica set of your own instead of the embedded one
_MONGOD = pytest.StashKey[EmbeddedMongod]()


def pytest_configure(config: pytest.Config) -> None:
    """Spawn the mongod beside the collection, when there will be xdist workers to share it."""
    has_workers = getattr(config.option, "numprocesses", None) and not config.option.collectonly
    if has_workers and not os.environ.get(GIVEN_URL):
        _spawn(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["mongodb_url"] = os.environ.get(GIVEN_URL) or node.config.stash[_MONGOD].url


def pytest_unconfigure(config: pytest.Config) -> None:
    if mongod := config.stash.get(_MONGOD, None):
        mongod.close()


@pytest.fixture(scope="session")
def mongodb_url(request: pytest.FixtureRequest) -> str:
    """Return the address of the run's mongod, ready for writes."""
    workerinput = getattr(request.config, "workerinput", {})
    url = workerinput.get("mongodb_url") or os.environ.get(GIVEN_URL) or _spawn(request.config).url
    if url != os.environ.get(GIVEN_URL):
        become_primary(urlsplit(url).port)
        url = patient(url)
    return url


@pytest.fixture(scope="session")
def database_name(request: pytest.FixtureRequest) -> str:
    """Return a name that no other worker and no other run uses."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return f"test-{worker}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
async def shared_world(mongodb_url: str, database_name: str) -> AsyncIterator[Any]:
    """The whole product with its worker, one for each process of the run: every test has a merchant of its own.

    A world of its own for each folder would keep them all working until the end of the run, and slow everybody down.
    """
    from tests.world import running_world  # noqa: PLC0415  most tests need no product, and importing it takes seconds

    async with running_world(mongodb_url, f"{database_name}-world") as running:
        yield running


def _spawn(config: pytest.Config) -> EmbeddedMongod:
    config.stash[_MONGOD] = mongod = EmbeddedMongod.ephemeral()
    mongod.prepare()
    mongod.spawn()
    return mongod
