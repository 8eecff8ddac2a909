"""`class MyTest(SespanTestMixin, TestCase)`: `self.sespan`, afresh for each test."""

from __future__ import annotations

from unittest import TestResult

from django_sespan.testing.in_memory import active, current
from django_sespan.testing.service import SespanTesting


class SespanTestMixin:
    """Goes before Django's TestCase, TransactionTestCase or LiveServerTestCase."""

    @property
    def sespan(self) -> SespanTesting:
        """The Sespan of this test."""
        return current()

    def run(self, result: TestResult | None = None) -> TestResult | None:
        """Start from nothing, before any `setUp`."""
        if active():
            current().reset()
        outcome: TestResult | None = super().run(result)  # type: ignore[misc]
        return outcome
