"""Roles, the staff token and the pages that ask for a role."""

from __future__ import annotations

import time

import httpx
import jwt
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import include, path

from django_sespan._internal.staff import roles_of, staff_token
from django_sespan.views import StaffView
from fake import problem
from people import person
from site_project import urls as site

pytestmark = pytest.mark.django_db

TOKEN = "/account/staff-token/"


class DashboardPage(StaffView):
    role = "dashboard"

    def get(self, request):
        return HttpResponse(str(self.staff.get("/v1/stats/api-hits", {"step": "day", "to": None})))

    def post(self, request):
        return HttpResponse("done")


class urlconf:  # noqa: N801  (a module of URLs)
    urlpatterns = [
        path("dash/", DashboardPage.as_view()),
        path("account/", include("django_sespan.urls")),
        *site.urlpatterns,
    ]


@pytest.fixture(autouse=True)
def _urls(settings, signing_key):
    settings.ROOT_URLCONF = urlconf


def claims(token, key):
    public = jwt.PyJWK(key.jwk).key
    return jwt.decode(token, public, algorithms=["EdDSA"], audience="sespan")


@pytest.mark.parametrize(
    "roles", [["admin"], ["dashboard"], ["report"], ["admin", "dashboard", "report"], []]
)
def test_roles_follow_the_permissions(roles):
    assert roles_of(person("ani", *roles)) == tuple(roles)


def test_a_superuser_has_all_and_strangers_none():
    root = User.objects.create_superuser("root", "r@example.com", "x")
    assert roles_of(root) == ("admin", "dashboard", "report")
    assert roles_of(AnonymousUser()) == ()
    assert roles_of(person("ani", "admin", is_active=False)) == ()


def test_the_claims(signing_key):
    ani = person("ani", "report")
    found = claims(staff_token(ani), signing_key)
    assert (found["scope"], found["sub"], found["name"]) == ("staff", str(ani.pk), "ani")
    assert found["roles"] == ["report"]
    assert (found["iss"], found["exp"] - found["iat"]) == ("django_sespan", 360)
    assert "order_ref" not in found
    with pytest.raises(PermissionError):
        staff_token(person("budi"))


@pytest.mark.parametrize(
    ("name", "shown"), [("a\x07b\n", "ab"), ("\x07", None), ("x" * 150, "x" * 150)]
)
def test_the_name_is_printable(signing_key, name, shown):
    ani = person("ani", "report")
    ani.username = name
    assert claims(staff_token(ani), signing_key)["name"] == (shown or str(ani.pk))


def test_the_token_tells_where_the_person_is(client, signing_key):
    client.force_login(person("ani", "dashboard"))
    body = client.post(TOKEN, REMOTE_ADDR="192.0.2.7").json()
    assert claims(body["token"], signing_key)["address"] == "192.0.2.7"
    assert "address" not in claims(staff_token(person("budi", "report")), signing_key)


class TestTheTokensAddress:
    def test_for_somebody_with_a_role(self, client, signing_key):
        client.force_login(person("ani", "dashboard"))
        answer = client.post(TOKEN)
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        body = answer.json()
        assert body["roles"] == ["dashboard"]
        assert claims(body["token"], signing_key)["roles"] == ["dashboard"]
        assert body["expires_at"].endswith("Z")
        assert abs(claims(body["token"], signing_key)["exp"] - time.time() - 300) < 60

    def test_for_nobody_else(self, client):
        answer = client.post(TOKEN)
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:sespan:problem:unauthorized"
        client.force_login(person("budi"))
        answer = client.post(TOKEN)
        assert (answer.status_code, answer["Cache-Control"]) == (403, "no-store")
        assert answer.json()["type"] == "urn:sespan:problem:forbidden"
        assert client.get(TOKEN).status_code == 405

    def test_csrf_even_without_the_middleware(self, settings):
        settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "Csrf" not in m]
        browser = Browser(enforce_csrf_checks=True)
        browser.force_login(person("ani", "dashboard"))
        assert browser.post(TOKEN).status_code == 403

    def test_without_a_key(self, client, settings):
        settings.SESPAN = {**settings.SESPAN, "SIGNING_KEY_FILE": None}
        client.force_login(person("ani", "dashboard"))
        assert client.post(TOKEN).status_code == 503

    def test_a_role_that_is_lost_is_lost_at_once(self, client):
        ani = person("ani", "dashboard")
        client.force_login(ani)
        assert client.post(TOKEN).status_code == 200
        ani.user_permissions.clear()
        assert client.post(TOKEN).status_code == 403


class TestPages:
    def test_whoever_is_not_logged_in_comes_back(self, client):
        answer = client.get("/dash/?step=day")
        assert answer["Location"] == "/login/?next=/dash/%3Fstep%3Dday"

    @pytest.mark.parametrize("role", ["dashboard", "admin"])
    def test_asks_as_the_person(self, client, sespan, signing_key, role):
        client.force_login(person("ani", role))
        sespan.answers["GET", "/v1/stats/api-hits"] = lambda request: httpx.Response(
            200, json={"query": request.url.query.decode()}
        )
        answer = client.get("/dash/")
        assert answer.text == "{'query': 'step=day'}"
        assert "no-store" in answer["Cache-Control"]
        headers = sespan.calls[-1][3]
        token = headers["authorization"].removeprefix("Bearer ")
        assert claims(token, signing_key)["roles"] == [role]
        assert headers.get_list("authorization") == [headers["authorization"]]

    def test_without_the_role(self, client):
        client.force_login(person("budi", "report"))
        answer = client.get("/dash/")
        assert answer.status_code == 403
        assert "logged in as budi" in answer.text
        assert "role “dashboard”" in answer.text
        assert "/login/?next=/dash/" in answer.text
        assert client.post("/dash/").status_code == 403

    @pytest.mark.parametrize(
        "failure", [problem(503, "busy"), problem(401, "unauthorized"), OSError]
    )
    def test_when_the_service_is_away(self, client, sespan, failure):
        client.force_login(person("ani", "dashboard"))
        sespan.fail = [httpx.ConnectError("no")] * 2 if failure is OSError else [failure]
        answer = client.get("/dash/?step=day")
        assert answer.status_code == 503
        assert "The service is away" in answer.text
        assert 'href="/dash/?step=day"' in answer.text

    def test_without_a_key_to_sign_with(self, client, settings):
        settings.SESPAN = {**settings.SESPAN, "SIGNING_KEY_FILE": None}
        client.force_login(person("ani", "dashboard"))
        assert client.get("/dash/").status_code == 503

    def test_a_page_left_open_overnight(self):
        browser = Browser(enforce_csrf_checks=True)
        answer = browser.post("/dash/", {"csrfmiddlewaretoken": "x" * 64})
        assert answer["Location"] == "/login/?next=/dash/"
        browser.force_login(person("ani", "dashboard"))
        answer = browser.post("/dash/", {"csrfmiddlewaretoken": "x" * 64})
        assert answer.status_code == 403
        assert "open for too long" in answer.text

    def test_a_deactivated_person(self, client):
        ani = person("ani", "dashboard")
        client.force_login(ani)
        User.objects.filter(pk=ani.pk).update(is_active=False)
        assert client.get("/dash/").status_code == 302


def test_in_memory_too(memory, client):
    memory.client.as_staff("token").get("/v1/stats/api-hits", {"step": "day"})
    call = memory.calls[-1]
    assert (call.bearer, call.params) == ("token", {"step": "day"})
    memory.client.get("/v1/stats/api-hits")
    assert memory.calls[-1].bearer is None
