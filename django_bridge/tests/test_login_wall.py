"""Django's LoginRequiredMiddleware: a stranger may register, get and enter codes, and log in.

The pages say so themselves, and so does a site's subclass of one, whatever it overrides.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path, reverse

from django_sespan import views
from registrants import CODE_URL, EMAIL, LOGIN_URL, PASSWORD, REGISTER_URL, RESUME_URL, form
from site_factors import LOGIN_REQUIRED
from site_project import urls

PUBLIC = {
    "register": views.RegisterView,
    "code": views.CodeView,
    "restart": views.RestartView,
    "resend": views.ResendView,
    "resume": views.ResumeView,
    "login-code": views.LoginCodeView,
    "login": views.LoginView,
    "checkout-token": views.CheckoutTokenView,
    "staff-token": views.StaffTokenView,
}


def own(view):
    """What a site makes of a page: its own dispatch, and as_view in a class between."""

    class Between(view):
        @classmethod
        def as_view(cls, **initkwargs):
            return super().as_view(**initkwargs)

    class Own(Between):
        def dispatch(self, request, *args, **kwargs):
            return super().dispatch(request, *args, **kwargs)

    return Own


urlpatterns = [
    *(path(f"own/{name}/", own(view).as_view()) for name, view in PUBLIC.items()),
    path("members/", lambda request: HttpResponse(f"hello {request.user}")),
    path("", include(urls.urlpatterns)),
]
pytestmark = [pytest.mark.urls("test_login_wall"), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def wall(settings, memory):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOGIN_REQUIRED]
    settings.LOGIN_URL = "/wall/"


def test_the_wall_stands(client):
    assert client.get("/members/")["Location"] == "/wall/?next=/members/"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", PUBLIC)
def test_no_page_for_strangers_sends_them_to_the_login(client, name, method):
    built_in = LOGIN_URL if name == "login" else reverse(f"django_sespan:{name}")
    for url in (f"/own/{name}/", built_in):
        answer = getattr(client, method)(url)
        assert answer.status_code in {200, 302, 400, 401, 405}, url
        assert not answer.get("Location", "").startswith("/wall/"), url
        if name.endswith("-token") and method == "post":
            assert answer.status_code == 401, url


@pytest.mark.parametrize("place", ["/account/", "/own/"])
def test_a_login_by_code_from_behind_the_wall(client, memory, place):
    User.objects.create_user("budi", EMAIL, PASSWORD)
    assert client.post(f"{place}login-code/", {"email": EMAIL})["Location"] == CODE_URL
    code = f"{place}code/"
    assert client.get(code).status_code == 200
    assert client.post(code, {"code": memory.wrong_code()}).status_code == 200
    assert client.post(code, {"code": memory.code()})["Location"] == "/home/"
    assert client.get("/members/").text == "hello budi"


def test_a_registration_in_another_browser_from_behind_the_wall(client, memory):
    assert client.post("/own/register/", form())["Location"] == CODE_URL
    other = Client()
    assert other.get(CODE_URL)["Location"] == RESUME_URL
    answer = other.post("/own/resume/", {"email": EMAIL, "password": PASSWORD})
    assert answer["Location"] == CODE_URL
    assert other.post("/own/code/", {"code": memory.code()})["Location"] == "/home/"
    assert other.get("/members/").text == "hello budi"
    assert Client().get(REGISTER_URL).status_code == 200
