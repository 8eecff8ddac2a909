from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from live.stack import Stack

LIVE = Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    """Without a binary the suite is not selected, except in CI, where that is an error."""
    ours = [item for item in items if LIVE in item.path.parents]
    for item in ours:
        item.add_marker("live")
    if ours and not (os.environ.get("SESPAN_BIN") or os.environ.get("CI")):
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


@pytest.fixture(scope="session")
def stack(django_db_blocker, tmp_path_factory):
    named = os.environ.get("SESPAN_BIN", "")
    binary = shutil.which(named) if named else None
    if binary is None:
        pytest.fail(f"SESPAN_BIN={named!r} is no program: build it with `make build`")
    with django_db_blocker.unblock():
        work = tmp_path_factory.mktemp("live")
        url = os.environ["SESPAN_TEST_DATABASE_URL"]
        with Stack(Path(binary).resolve(), url, work) as stack:
            yield stack


@pytest.fixture(autouse=True)
def site(stack, sespan, runtime, settings, own_backend, monkeypatch, django_db_blocker):
    """Point the site at the real service and its database for one test."""
    from django.db import connection

    from django_sespan import client
    from django_sespan._internal import transport

    monkeypatch.setattr(client, "Transport", transport.Transport)
    settings.SESPAN = stack.settings()
    with django_db_blocker.unblock():
        before = stack.point_django_here()
        yield stack
        if runtime._login_queue is not None:
            assert runtime._login_queue.drain(10)
        runtime.close()
        connection.close()
        connection.settings_dict.update(before)


@pytest.fixture
def sink(stack):
    return stack.sink
