"""Exact numbers on the staff pages, as a person writes them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from django_sespan._internal.money import trimmed
from django_sespan.admin.columns import milliseconds_column, money_column
from django_sespan.models import ApiLog, TransactionLog


@pytest.mark.parametrize(
    ("value", "least", "want"),
    [
        ("250000.0000", 2, "250000.00"),
        ("250000.1250", 2, "250000.125"),
        ("1.000000000000000000", 0, "1"),
        ("0.200000", 0, "0.2"),
        ("0.000000", 0, "0"),
        ("100", 0, "100"),
        ("1E+3", 2, "1000.00"),
    ],
)
def test_trimmed(value, least, want):
    assert str(trimmed(Decimal(value), least)) == want


def test_columns():
    amount = money_column(TransactionLog, "transaction_amount")
    assert amount(SimpleNamespace(transaction_amount=Decimal("250000.0000"))) == "250,000"
    assert amount(SimpleNamespace(transaction_amount=Decimal("250000.1250"))) == "250,000.125"
    assert amount(SimpleNamespace(transaction_amount=None)) is None
    elapsed = milliseconds_column(ApiLog, "elapsed_time")
    assert elapsed(SimpleNamespace(elapsed_time=timedelta(microseconds=12480))) == "12.5 ms"
    assert elapsed(SimpleNamespace(elapsed_time=None)) is None
