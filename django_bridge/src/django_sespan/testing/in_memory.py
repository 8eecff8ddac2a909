"""Whether this process runs the tests of a site."""

from __future__ import annotations

from typing import cast

from django_sespan._internal.runtime import runtime
from django_sespan.conf import get_settings
from django_sespan.testing.service import SespanTesting


def active() -> bool:
    """Return whether calls end in memory: in a test run, unless `SESPAN["FAKE"]` is False."""
    return get_settings().in_memory


def current() -> SespanTesting:
    """Return the Sespan of this test run; RuntimeError outside of one or with `FAKE` False."""
    if not active():
        raise RuntimeError(
            "Sespan is in memory only in a test run, and not with SESPAN['FAKE'] = False."
        )
    return cast(SespanTesting, runtime.in_memory)
