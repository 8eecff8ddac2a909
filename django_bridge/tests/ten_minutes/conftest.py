"""Sites on which the handbook is tried; needs SESPAN_BIN (the path of the built binary)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ten_minutes import environment, handbook, projects
from ten_minutes.site import Site
from ten_minutes.steps import follow

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    """Without a binary these are not selected, except in CI, where that is an error."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker("live")
    if ours and not (os.environ.get("SESPAN_BIN") or os.environ.get("CI")):
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


@pytest.fixture(scope="session")
def blocks():
    return handbook.blocks()


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """The environment with what a site needs, and the wheel."""
    return environment.environment(), environment.wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def binary():
    named = os.environ.get("SESPAN_BIN", "")
    found = shutil.which(named) if named else None
    if found is None:
        pytest.fail(f"SESPAN_BIN={named!r} is no program: build it with `make build`")
    return Path(found).resolve()


@pytest.fixture(scope="session")
def make_site(shipped, binary, tmp_path_factory):
    """A site of the given kind, before Sespan comes."""
    sites = []

    def make(build: Callable[[Site], None]) -> Site:
        folder = tmp_path_factory.mktemp(build.__name__)
        site = Site(folder, shipped[0], binary, shipped[1], os.environ["SESPAN_TEST_DATABASE_URL"])
        sites.append(site.__enter__())
        build(site)
        return site

    yield make
    for site in reversed(sites):
        site.__exit__()


@pytest.fixture(scope="session")
def fresh(make_site, blocks):
    """A new project on which everything was done that the handbook says."""
    site = make_site(projects.fresh)
    follow(site, blocks, has_pages=False)
    return site
