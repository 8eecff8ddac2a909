"""Login reports of a test run: sent at once, without a thread that outlives the test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_sespan import errors
from django_sespan._internal.login_queue import LoginQueue


class ImmediateLogins(LoginQueue):
    """Takes a report and sends it; a failure is counted, as with the real queue."""

    def put(self, report: Mapping[str, Any]) -> None:
        """Report now."""
        try:
            self._reporter().login(report)
        except errors.SespanError as exc:
            self._drop(str(exc))
        else:
            self.sent += 1
