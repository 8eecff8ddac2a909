"""What the tests read of the dashboard."""

from __future__ import annotations

import csv
import io
import json
import re

URL = "/account/dashboard/"
OWN = URL + "?first={}&last={}"


def data(page):
    found = re.search(
        r'<script id="sespan-dashboard-data"[^>]*>(.*?)</script>', page.text, re.DOTALL
    )
    return json.loads(found[1])


def asked(figures):
    """What was asked of the service; the login of the test was reported, too."""
    return [call for call in figures.calls if call.path != "/v1/logins"]


def rows(answer):
    text = answer.content.decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))
