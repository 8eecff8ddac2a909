"""Who sees Grafana: the token of the proxy, and what `grafana/grafana.ini` makes of it."""

from __future__ import annotations

import configparser
import json
import logging
import time
from pathlib import Path

import jmespath
import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from django_sespan._internal import groups
from django_sespan._internal.staff import grafana_token, staff_token
from django_sespan._internal.tokens import SigningKey
from django_sespan.views.grafana import HEADER
from people import group, person

pytestmark = pytest.mark.django_db

ADDRESS = "/account/grafana-token/"
INI = Path(__file__).parents[2] / "grafana" / "grafana.ini"


@pytest.fixture(scope="module")
def ini():
    found = configparser.ConfigParser(interpolation=None, comment_prefixes=("#", ";"))
    assert found.read(INI) == [str(INI)]
    return found


class Grafana:
    """What Grafana does with a token: auth.jwt of the ini, with the library's rules."""

    def __init__(self, ini, key):
        self.settings, self.key = ini["auth.jwt"], key

    def lets_in(self, token):
        """Give (login, role); raises what hinders it."""
        expected = json.loads(self.settings["expect_claims"])
        public = jwt.PyJWK(self.key.jwk).key
        claims = jwt.decode(
            token,
            public,
            algorithms=["EdDSA"],
            audience=expected.pop("aud"),
            issuer=expected.pop("iss"),
            options={"require": ["exp", "iat", "sub"]},
        )
        assert not expected, "a claim that is not looked at here"
        return claims[self.settings["username_claim"]], self.role(claims)

    def role(self, claims):
        assert self.settings.getboolean("role_attribute_strict")
        try:
            found = jmespath.search(self.settings["role_attribute_path"], claims)
        except jmespath.exceptions.JMESPathError:
            return None  # an error is no role
        return found if found in {"Viewer", "Editor", "Admin"} else None


@pytest.fixture
def grafana(ini, signing_key):
    return Grafana(ini, signing_key)


def member(*roles):
    """Somebody of the groups that `sespan_init` makes."""
    list(groups.make())
    user = User.objects.create_user("ani", "ani@example.com", "x")
    user.groups.set([group(role) for role in roles])
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (["dashboard"], "Viewer"),
        (["admin"], "Admin"),
        (["dashboard", "admin"], "Admin"),
        (["report", "dashboard"], "Viewer"),
        (["report", "admin", "dashboard"], "Admin"),
    ],
)
def test_the_groups_give_roles(client, grafana, roles, role):
    user = member(*roles)
    client.force_login(user)
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer.content) == (204, b"")
    assert grafana.lets_in(answer[HEADER]) == (f"sespan:{user.pk}", role)


@pytest.mark.parametrize("roles", [["report"], []])
def test_the_other_groups_are_refused(client, grafana, signing_key, roles):
    """By the site; and by Grafana, had the site signed such a token."""
    user = member(*roles)
    client.force_login(user)
    answer = client.get(ADDRESS)
    assert (answer.status_code, HEADER in answer) == (403, False)
    assert answer.json()["type"] == "urn:sespan:problem:forbidden"
    with pytest.raises(PermissionError):
        grafana_token(user)
    signed = signing_key.sign_grafana(str(user.pk), "ani", roles)
    assert grafana.lets_in(signed) == (f"sespan:{user.pk}", None)


def test_a_superuser_is_no_more_than_an_admin(grafana, ini):
    root = User.objects.create_superuser("admin", "r@example.com", "x")
    login, role = grafana.lets_in(grafana_token(root))
    assert (login, role) == (f"sespan:{root.pk}", "Admin")
    assert not ini.getboolean("auth.jwt", "allow_assign_grafana_admin")


@pytest.mark.parametrize(
    "roles", [None, "admin", [], ["Admin"], ["dashboards"], [7], {"admin": True}]
)
def test_what_is_no_role_gives_none(grafana, roles):
    assert grafana.role({"sub": "sespan:7", "roles": roles}) is None


def test_the_token_is_short(signing_key):
    token = grafana_token(person("ani", "dashboard"))
    assert jwt.get_unverified_header(token)["kid"] == signing_key.kid
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "sub", "name", "roles"}
    assert 0 < claims["exp"] - time.time() <= 60
    assert "email" not in claims


def test_grafana_takes_no_token_of_sespan(grafana, signing_key):
    ani = person("ani", "dashboard", "admin")
    for token in (staff_token(ani), signing_key.sign("7", "A-1", "10.00")):
        with pytest.raises(jwt.InvalidAudienceError):
            grafana.lets_in(token)
    with pytest.raises(jwt.InvalidSignatureError):
        grafana.lets_in(SigningKey.generate().sign_grafana("7", "ani", ["admin"]))


class TestTheAddress:
    def test_for_strangers(self, client):
        answer = client.get(ADDRESS)
        assert (answer.status_code, HEADER in answer) == (401, False)
        assert answer["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("method", ["post", "head", "put"])
    def test_takes_get_alone(self, client, grafana, method):
        client.force_login(person("ani", "dashboard"))
        answer = getattr(client, method)(ADDRESS)
        assert (answer.status_code, HEADER in answer) == (405, False)

    def test_behind_the_sites_own_login_wall(self, client, settings):
        """A redirect to the login would be an error of nginx's."""
        wall = "django.contrib.auth.middleware.LoginRequiredMiddleware"
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, wall]
        assert Browser().get(ADDRESS).status_code == 401

    def test_a_session_that_has_ended(self, client, grafana):
        client.force_login(person("ani", "dashboard"))
        assert client.get(ADDRESS).status_code == 204
        client.session.flush()
        assert client.get(ADDRESS).status_code == 401

    def test_a_role_that_is_lost_is_lost_at_once(self, client, grafana):
        ani = person("ani", "dashboard")
        client.force_login(ani)
        assert client.get(ADDRESS).status_code == 204
        ani.user_permissions.clear()
        assert client.get(ADDRESS).status_code == 403

    def test_without_a_key(self, client, settings):
        settings.SESPAN = {**settings.SESPAN, "SIGNING_KEY_FILE": None}
        client.force_login(person("ani", "dashboard"))
        assert client.get(ADDRESS).status_code == 503

    def test_in_a_header_alone(self, client, grafana, caplog):
        client.force_login(person("ani", "dashboard"))
        with caplog.at_level(logging.DEBUG):
            answer = client.get(ADDRESS)
        token = answer[HEADER]
        others = [value for name, value in answer.items() if name != HEADER]
        assert token not in " ".join([*others, caplog.text])
        assert (answer.content, answer["Cache-Control"]) == (b"", "no-store")


def test_there_is_no_other_way_in(ini):
    """What Grafana's own defaults would leave open, or what would open one."""
    closed = {
        "auth.anonymous": ["enabled"],
        "auth.basic": ["enabled"],
        "auth.proxy": ["enabled"],
        "users": ["allow_sign_up", "allow_org_create", "viewers_can_edit"],
        "auth.jwt": ["url_login", "allow_assign_grafana_admin", "skip_org_role_sync"],
        "public_dashboards": ["enabled"],
        "snapshots": ["enabled", "external_enabled"],
        "security": ["allow_embedding"],
    }
    for section, keys in closed.items():
        for key in keys:
            assert ini.getboolean(section, key) is False, f"[{section}] {key}"
    for section, key in [
        ("auth", "disable_login_form"),
        ("security", "disable_initial_admin_creation"),
        ("security", "csrf_always_check"),
        ("auth.jwt", "enabled"),
    ]:
        assert ini.getboolean(section, key) is True, f"[{section}] {key}"
    assert ini["auth.jwt"]["header_name"] == HEADER
    assert "email_claim" not in ini["auth.jwt"]


def test_no_secret_stands_in_the_files(ini):
    secrets = ("password", "secret", "token", "key_file")
    for section in ini.sections():
        for key in ini[section]:
            assert not key.endswith(secrets) or key == "jwk_set_file", f"[{section}] {key}"
    for path in INI.parent.rglob("*.yml"):
        assert "secureJsonData" not in path.read_text()
