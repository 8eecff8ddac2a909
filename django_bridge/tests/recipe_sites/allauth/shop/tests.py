# ruff: noqa: PT009
"""Sign-up by code in allauth's own form, and what allauth makes of it afterwards."""

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import call_command
from django.test import Client, TestCase

from django_sespan import errors
from django_sespan.testing import SespanTestMixin

User = get_user_model()
SIGN_UP, LOG_IN, CODE = "/accounts/signup/", "/accounts/login/", "/account/code/"
PASSWORD = "correct horse 9"


def form(name="sari", email="sari@example.com"):
    """What allauth's form asks for."""
    return {"username": name, "email": email, "password1": PASSWORD, "password2": PASSWORD}


class AllauthTest(SespanTestMixin, TestCase):
    """The recipe, as the page has it."""

    def sign_up(self, client=None, **typed):
        """Fill in the form; the code page follows."""
        answer = (client or self.client).post(SIGN_UP, form(**typed))
        self.assertRedirects(answer, CODE, fetch_redirect_response=False)

    def log_in(self, login):
        """Use allauth's own page in another browser."""
        browser = Client()
        return browser, browser.post(LOG_IN, {"login": login, "password": PASSWORD})

    def test_the_site_is_well(self):
        call_command("check", fail_level="WARNING")

    def test_who_registered_by_code_need_not_confirm_again(self):
        self.sign_up()
        self.assertFalse(User.objects.exists())
        answer = self.client.post(CODE, {"code": self.sespan.code()})
        self.assertRedirects(answer, "/home/", fetch_redirect_response=False)
        user = User.objects.get()
        self.assertTrue(user.check_password(PASSWORD))
        address = EmailAddress.objects.get()
        self.assertEqual(
            (address.user, address.email, address.verified, address.primary),
            (user, "sari@example.com", True, True),
        )
        for login in ("sari", "sari@example.com"):
            browser, answer = self.log_in(login)
            self.assertRedirects(answer, "/home/", fetch_redirect_response=False)
            self.assertEqual(browser.get("/home/").text, "hello sari")
        self.assertEqual(mail.outbox, [])

    def test_who_did_not_finish_is_in_no_dead_end(self):
        """Nothing was saved, so the same form is there for them, in any browser."""
        self.sign_up()
        _, answer = self.log_in("sari")
        self.assertContains(answer, "not correct")
        self.sespan.advance(61)
        other = Client()
        self.sign_up(other)
        self.assertRedirects(
            other.post(CODE, {"code": self.sespan.code()}), "/home/", fetch_redirect_response=False
        )

    def test_sespans_own_page_beside_it(self):
        self.client.post("/account/register/", form())
        self.client.post(CODE, {"code": self.sespan.code()})
        _, answer = self.log_in("sari")
        self.assertRedirects(answer, "/home/", fetch_redirect_response=False)
        self.assertTrue(EmailAddress.objects.get().verified)

    def test_a_known_address_is_not_told(self):
        user = User.objects.create_user("old", "sari@example.com", PASSWORD)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        self.sign_up()
        page = self.client.post(CODE, {"code": "000000"})
        self.assertContains(page, "4 tries")
        self.assertEqual([n.email for n in self.sespan.notices], ["sari@example.com"])
        self.assertEqual(mail.outbox, [])

    def test_allauths_own_errors(self):
        User.objects.create_user("sari", "else@example.com", PASSWORD)
        answer = self.client.post(SIGN_UP, form() | {"password2": "other horse 9"})
        self.assertContains(answer, "same password")
        self.assertContains(answer, "already")  # the user name
        self.assertEqual(self.sespan.outbox, [])

    def test_while_sespan_is_away(self):
        with self.sespan.failing(errors.SespanUnavailable):
            answer = self.client.post(SIGN_UP, form())
        self.assertContains(answer, "nothing was kept")

    def test_a_login_by_code_verifies_the_address_too(self):
        user = User.objects.create_user("old", "sari@example.com", PASSWORD)
        EmailAddress.objects.create(user=user, email=user.email, primary=True)
        self.client.post("/account/login-code/", {"email": user.email})
        self.client.post(CODE, {"code": self.sespan.code()})
        self.assertTrue(EmailAddress.objects.get().verified)
