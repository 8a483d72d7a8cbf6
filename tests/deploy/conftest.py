"""The edge of the deployment, shared by all of its tests in one process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deploy.edge import Edge, running_edge, wide_limits


@pytest.fixture(scope="session")
async def edge(mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """Nginx with budgets that no test reaches, before two instances."""
    folder: Path = tmp_path_factory.mktemp("edge")
    async with running_edge(mongodb_url, folder, limits=wide_limits()) as running:
        yield running
