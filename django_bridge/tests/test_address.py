"""The address to write to and the address key, by the vectors of Go and SQL."""

import json
from pathlib import Path

import pytest

from django_sespan._internal import address

FILE = Path(__file__).parents[2] / "internal/address/testdata/vectors.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: ascii(vector["address"]))
@pytest.mark.parametrize("name", ["mailbox", "key"])
def test_vectors(vector, name):
    function = getattr(address, name)
    if vector[name] is None:
        with pytest.raises(ValueError, match=r"^(is not|has no)"):
            function(vector["address"])
    else:
        assert function(vector["address"]) == vector[name]


def test_text_that_is_no_utf8_is_refused():
    with pytest.raises(ValueError, match="is not an e-mail address"):
        address.key("a\ud800@example.com")
