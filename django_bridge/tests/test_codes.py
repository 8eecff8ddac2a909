from __future__ import annotations

import pytest

from django_sespan._internal.codes import normalise


@pytest.mark.parametrize(
    "typed",
    [
        "123456",
        " 123456\n",
        "123 456",
        "123-456",
        "123–456",
        "123\u2212456",
        "１２３４５６",
        "1\u00a02\u200b3\t4 5\ufeff6",
        "١٢٣٤٥٦",
    ],
)
def test_typed_in_many_ways(typed):
    assert normalise(typed) == "123456"


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "123456789", "12345x", "1²3456", "½", "123.456"]
)
def test_not_a_code(typed):
    assert normalise(typed) is None


def test_eight_digits():
    assert normalise("1234 5678") == "12345678"
