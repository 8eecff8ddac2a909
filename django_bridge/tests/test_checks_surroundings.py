"""What stands around the bridge: where customers are sent, allauth, a site without an admin."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.apps import apps
from django.http import HttpResponse
from django.urls import include, path

from django_sespan import adapter, checks
from django_sespan._internal import allauth_address
from django_sespan.views import RegisterView


class CodeFirst(adapter.Adapter):
    code_first = True


def found():
    messages = checks.check_surroundings()
    assert all(message.hint for message in messages)
    return [message.id.removeprefix("sespan.") for message in messages]


def test_a_good_site_is_silent(settings):
    assert found() == []


@pytest.mark.parametrize("name", ["LOGIN_REDIRECT_URL", "LOGIN_URL"])
def test_a_page_that_is_not_there(settings, name):
    setattr(settings, name, "/accounts/profile/")  # Django's default
    (message,) = checks.check_surroundings()
    assert message.id == "sespan.W025"
    assert name in message.msg
    assert "page of yours" in message.hint
    for good in (
        "django_sespan:login-code",
        "/home/",
        "/home",
        "https://shop.example/me/",
        "django_sespan:code",
        "/home/?x=1",
    ):
        setattr(settings, name, good)
        assert found() == [], good
    setattr(settings, name, "no-such-name")
    assert found() == ["W025"]


def test_a_site_without_the_pages_is_not_asked(settings):
    settings.LOGIN_REDIRECT_URL = "/nowhere/"
    urls = ModuleType("no_pages")
    urls.urlpatterns = []
    sys.modules["no_pages"] = urls
    settings.ROOT_URLCONF = "no_pages"
    assert found() == []


@pytest.fixture
def installed(monkeypatch):
    """Let an app be there, or not."""
    answers = {}
    original = apps.is_installed
    monkeypatch.setattr(apps, "is_installed", lambda name: answers.get(name, original(name)))
    return answers


def test_beside_allauth_the_code_comes_first(settings, installed):
    installed[allauth_address.APP] = True
    assert found() == ["W026"]
    settings.SESPAN = {**settings.SESPAN, "ADAPTER": "test_checks_surroundings.CodeFirst"}
    assert found() == []
    settings.SESPAN = {**settings.SESPAN, "ADAPTER": ""}
    urls = ModuleType("code_first_pages")
    urls.urlpatterns = [
        path("account/register/", RegisterView.as_view(code_first=True)),
        path("account/", include("django_sespan.urls")),
        path("home/", HttpResponse),
        path("login/", HttpResponse),
    ]
    sys.modules["code_first_pages"] = urls
    settings.ROOT_URLCONF = "code_first_pages"
    assert found() == []


def test_without_an_admin_it_is_said_what_there_is_instead(installed):
    installed["django.contrib.admin"] = False
    (message,) = checks.check_surroundings()
    assert (message.id, message.is_serious()) == ("sespan.I001", False)
    assert "sespan mail status" in message.hint
