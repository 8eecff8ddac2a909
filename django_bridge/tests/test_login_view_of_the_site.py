"""A login view of the site's own, with our form: an unfinished registration goes on from there."""

from __future__ import annotations

import pytest
from django.test import Client

from registrants import CODE_URL, PASSWORD, REGISTER_URL, RESEND_URL, form

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def sespan(memory):
    return memory


def enter(browser, code):
    answer = browser.post(CODE_URL, {"code": code})
    assert answer.headers.get("Location") == "/home/", answer.text


def test_the_form_in_a_login_view_of_the_site(client, sespan):
    """Within ATOMIC_REQUESTS it cannot call Sespan: it shows the way instead."""
    Client().post(REGISTER_URL, form())
    page = client.post("/own-login/", {"username": "budi", "password": PASSWORD})
    assert page.status_code == 200
    assert "not confirmed yet" in page.text
    assert f'<a href="{CODE_URL}">' in page.text
    assert "the newest code that we sent to" in client.get(CODE_URL).text
    enter(client, sespan.code())  # the one in hand, of the other browser's registration
    assert len(sespan.outbox) == 1


def test_a_new_code_after_a_login_view_of_the_site(client, sespan):
    Client().post(REGISTER_URL, form())
    old = sespan.code()
    sespan.advance(61)
    client.post("/own-login/", {"username": "budi", "password": PASSWORD})
    assert "A new code is on its way" in client.post(RESEND_URL, follow=True).text
    assert len(sespan.outbox) == 2
    assert sespan.code() != old
    enter(client, sespan.code())


def test_a_wrong_code_after_a_login_view_of_the_site_is_a_guess(client, sespan):
    Client().post(REGISTER_URL, form())
    client.post("/own-login/", {"username": "budi", "password": PASSWORD})
    for left in (4, 3):
        page = client.post(CODE_URL, {"code": sespan.wrong_code()})
        assert f"{left} tries left" in page.text
    assert len(sespan.outbox) == 1
    enter(client, sespan.code())
