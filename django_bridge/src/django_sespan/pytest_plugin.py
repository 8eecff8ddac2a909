"""pytest's entry point: the fixture `sespan`, and a fresh start for each test of a Django site.

pytest imports this in every project of an environment where the bridge is installed, so
it imports neither Django nor pytest-django, and does nothing where there is no test run
of a site with the app.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django_sespan.testing import SespanTesting


@pytest.fixture
def sespan() -> SespanTesting:
    """Sespan in memory: outbox of codes, logins, win, fail, advance; see SespanTesting."""
    double = _current()
    if double is None:
        pytest.fail(
            "Sespan is in memory only in a Django test run (pytest-django) of a site with "
            "django_sespan in INSTALLED_APPS, and not with SESPAN['FAKE'] = False.",
            pytrace=False,
        )
    return double


@pytest.fixture(autouse=True)
def _sespan_starts_afresh() -> None:
    double = _current()
    if double is not None:
        double.reset()


def _current() -> SespanTesting | None:
    apps = sys.modules.get("django.apps")
    if apps is None or not apps.apps.ready or not apps.apps.is_installed("django_sespan"):
        return None
    from django_sespan import testing  # noqa: PLC0415  (Django is set up by now)

    return testing.current() if testing.active() else None
