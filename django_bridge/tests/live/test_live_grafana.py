"""The service and Grafana have the same public keys: neither takes the other's tokens."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

import httpx
import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_sespan._internal.staff import staff_token
from django_sespan.views.grafana import HEADER

INI = Path(__file__).parents[3] / "grafana" / "grafana.ini"


@pytest.fixture
def root(stack, site):
    """Somebody who may do everything, so that only the token hinders."""
    made = User.objects.create_superuser("root_grafana", "root@example.com", "x")
    yield made
    made.delete()


@pytest.fixture
def grafanas(root):
    browser = Client()
    browser.force_login(root)
    return browser.get("/account/grafana-token/")[HEADER]


def grafana(stack, token):
    """Give the claims, as Grafana reads them: the same file of keys, the claims of the ini."""
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(INI)
    expected = json.loads(ini["auth.jwt"]["expect_claims"])
    keys = {key["kid"]: key for key in json.loads(stack.jwks.read_text())["keys"]}
    key = jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]]).key
    return jwt.decode(
        token, key, algorithms=["EdDSA"], audience=expected["aud"], issuer=expected["iss"]
    )


def asked(stack, path, token, method="GET"):
    headers = {"Authorization": f"Bearer {token}"}
    body = {"content": b"{}"} if method == "POST" else {}
    return httpx.request(method, stack.url + path, headers=headers, **body).status_code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/stats/api-hits"),
        ("GET", "/v1/api-log"),
        ("GET", "/v1/keys"),
        ("GET", "/v1/transactions"),
        ("POST", "/v1/keys"),
        ("POST", "/v1/transactions"),
        ("POST", "/v1/otp"),
    ],
)
def test_the_service_takes_no_token_of_grafanas(stack, grafanas, method, path):
    assert asked(stack, path, grafanas, method) == 401


def test_grafana_takes_no_staff_token(stack, root, grafanas):
    """Each is good where it belongs."""
    staff = staff_token(root)
    assert asked(stack, "/v1/keys", staff) == 200
    with pytest.raises(jwt.InvalidAudienceError):
        grafana(stack, staff)
    assert grafana(stack, grafanas)["sub"] == f"sespan:{root.pk}"
