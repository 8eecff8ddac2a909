"""The main job on the real stack, with ATOMIC_REQUESTS and a login without privileges."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal
from io import StringIO

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from django_sespan import checkout, errors
from django_sespan._internal.flows.pending_code import SESSION_KEY
from django_sespan.client import get_client
from django_sespan.mail import EmailBackend
from django_sespan.models import ApiLog, MailMessage, Otp, TransactionLog, TransactionTier
from site_project.orders import ORDERS

PASSWORD = "correct horse 9"
CODE_URL, RESEND_URL = "/account/code/", "/account/code/resend/"
numbers = itertools.count(1)


@pytest.fixture
def name():
    return f"person{next(numbers)}"


@pytest.fixture
def browser():
    return Client()


def register(browser, name, **changes):
    form = {"username": name, "email": f"{name}@example.com", "password1": PASSWORD}
    answer = browser.post("/account/register/", form | {"password2": PASSWORD} | changes)
    assert (answer.status_code, answer.headers.get("Location")) == (302, CODE_URL), answer.text
    return f"{name}@example.com"


def enter(browser, typed):
    answer = browser.post(CODE_URL, {"code": typed})
    assert answer.headers.get("Location") == "/home/", re.findall("<li>(.*?)</li>", answer.text)


def code_in(mail):
    text = mail.message.get_body(("plain",)).get_content()
    return re.search(r"^\s*(\d{6})\s*$", text, re.MULTILINE).group(1)


def test_from_registration_to_logged_in(browser, name, sink, runtime):
    address = register(browser, name)
    user = User.objects.get(username=name)
    assert not user.is_active
    mail = sink.wait(address)
    code = code_in(mail)
    assert code not in mail.message["Subject"]
    assert f"http://testserver/account/code/#code={code}" in mail.message.as_string().replace(
        "=\n", ""
    ).replace("=3D", "=")
    page = browser.get(CODE_URL)
    assert f"{name[0]}***@example.com" in page.text
    typed = f" {code[:3]} – {code[3:]}"
    enter(browser, typed)
    assert browser.get("/home/").text == f"hello {name}"
    user.refresh_from_db()
    assert user.is_active
    assert runtime.login_queue.drain(10)
    rows = ApiLog.objects.filter(customer_id=user.pk).order_by("time_requested")
    assert [(r.request_type, r.outcome) for r in rows] == [
        ("OTP", "success"),
        ("OTP", "success"),
        ("Login", "success"),
    ]
    assert all(code not in r.request_body + r.response_body for r in rows)
    assert {r.ip for r in rows} == {"127.0.0.1"}
    otp = Otp.objects.get(customer_id=user.pk)
    assert (otp.status, otp.email, otp.purpose) == ("verified", address, "registration")


def test_indonesian_mail(name, sink):
    browser = Client(headers={"accept-language": "id"})
    address = register(browser, name)
    english = register(Client(), name + "en")
    assert sink.wait(address).message["Subject"] != sink.wait(english).message["Subject"]


def test_wrong_codes_until_the_lock(browser, name, sink):
    address = register(browser, name)
    code = code_in(sink.wait(address))
    wrong = "000000" if code != "000000" else "000001"
    texts = [browser.post(CODE_URL, {"code": wrong}).text for _ in range(6)]
    for text, words in zip(
        texts,
        ["4 tries", "3 tries", "2 tries", "1 try left", "the last try", "Too many wrong"],
        strict=True,
    ):
        assert words in text
    assert "Too many wrong" in browser.post(CODE_URL, {"code": code}).text
    assert not User.objects.get(username=name).is_active


def test_a_decoy_is_indistinguishable_from_a_real_challenge(name, sink):
    """Word for word the same pages for a new address and for one with an account."""
    User.objects.create_user(f"{name}-known", f"{name}x@example.com", PASSWORD)
    real, decoy = Client(), Client()
    register(real, name, email=f"{name}y@example.com")
    register(decoy, f"{name}-d", email=f"{name}x@example.com")
    steps = [
        lambda b: b.get(CODE_URL),
        *[lambda b: b.post(CODE_URL, {"code": "000000"})] * 6,
        lambda b: b.get(CODE_URL),
        lambda b: b.post(RESEND_URL, follow=True),
    ]
    for step in steps:
        pages = [re.sub(r'value="[\w-]{16,}"', "", step(b).text) for b in (real, decoy)]
        # Time goes on between the two; everything else must be the same.
        pages = [re.sub(r"valid for \d+ (minute|second)s?\.", "", p) for p in pages]
        pages = [
            re.sub(r"\b\d{1,2}(?= s\)| second|</span> s|\")|\d+ seconds?", "N", p) for p in pages
        ]
        assert pages[0] == pages[1]
    told = sink.wait(f"{name}x@example.com").message
    assert "#code=" not in told.as_string().replace("=\n", "").replace("=3D", "=")
    assert sink.wait(f"{name}y@example.com").message["Subject"] != told["Subject"]


def test_resend_too_soon(browser, name, sink):
    register(browser, name)
    page = browser.post(RESEND_URL, follow=True).text
    assert re.search(r"wait (\d\d) seconds", page)


def test_a_double_click_sends_one_mail(name, sink):
    first, second = Client(), Client()
    address = register(first, name)
    register(second, name)
    code = code_in(sink.wait(address))
    assert first.session[SESSION_KEY]["challenge_id"] == second.session[SESSION_KEY]["challenge_id"]
    enter(second, code)
    enter(first, code)
    assert len(sink.to(address)) == 1


def test_banned_stays_banned(browser, name, sink, stack):
    """An account that was switched off comes back with its right password, and stays off."""
    user = User.objects.create_user(f"{name}-old", f"{name}@example.com", PASSWORD, is_active=False)
    stack.rows(
        "UPDATE auth_user SET date_joined = now() - interval '1 year' WHERE id = %s", [user.pk]
    )
    address = register(browser, name)
    register(Client(), f"{name}-else", email=f"{name}-else@example.com")
    sink.wait(f"{name}-else@example.com")  # asked for after it, and here already
    assert sink.to(address) == []
    for left in ("4 tries", "3 tries"):
        assert left in browser.post(CODE_URL, {"code": "123456"}).text
    user.refresh_from_db()
    assert not user.is_active
    assert "_auth_user_id" not in browser.session


def test_a_failed_login_is_logged(name, runtime):
    User.objects.create_user(name, f"{name}@example.com", PASSWORD)
    Client().post("/login/", {"username": name, "password": "wrong"})
    assert runtime.login_queue.drain(10)
    row = ApiLog.objects.filter(request_type="Login", outcome="failure").latest("time_requested")
    assert name in row.request_body
    assert "wrong" not in row.request_body
    assert row.status == 201


@pytest.fixture
def shopper(name, browser):
    user = User.objects.create_user(name, f"{name}@example.com", PASSWORD)
    browser.force_login(user)
    ORDERS[f"{name}-1"] = (user.pk, Decimal("150000.00"))
    return user, browser, f"{name}-1"


@pytest.fixture
def tier():
    found = TransactionTier.objects.filter(name="Always").first()
    if found is None:
        found = TransactionTier(
            name="Always",
            minimum_transaction=Decimal(100000),
            maximum_transaction=Decimal(200000),
            probability=Decimal(1),
            discount=Decimal("0.2"),
        )
        found.save()
    return found


def ajax(permit, **changes):
    body = {k: permit[k] for k in ("order_ref", "transaction_amount")} | changes
    return httpx.post(
        permit["url"],
        json=body,
        headers={"Authorization": f"Bearer {permit['token']}", "Origin": "http://testserver"},
    )


def test_checkout(shopper, tier, stack):
    user, browser, ref = shopper
    permit = browser.post("/account/checkout-token/", {"order_ref": ref}).json()
    drawn = ajax(permit)
    assert drawn.status_code == 201, drawn.text
    assert drawn.headers["access-control-allow-origin"] == "http://testserver"
    assert drawn.json()["discounted_amount"] == "120000.00"
    assert ajax(permit).status_code == 200
    draw = checkout.price(user.pk, ref, Decimal("150000.00"))
    assert (draw.discounted_amount, draw.discounted, draw.created) == (Decimal(120000), True, False)
    assert draw.tier_id == tier.pk
    row = TransactionLog.objects.get(customer_id=user.pk)
    assert (row.order_ref, row.username, row.discounted) == (ref, user.username, True)
    assert ApiLog.objects.filter(request_type="Transaction", customer_id=user.pk).count() == 3


def test_a_tampered_price(shopper, tier):
    user, browser, ref = shopper
    permit = browser.post("/account/checkout-token/", {"order_ref": ref}).json()
    for changes in ({"transaction_amount": "1.00"}, {"order_ref": "another"}):
        answer = ajax(permit, **changes)
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:sespan:problem:token-mismatch"
    head, claims, signature = permit["token"].split(".")
    forged = {**permit, "token": f"{head}.{claims[:-4]}AAAA.{signature}"}
    assert ajax(forged).status_code == 401
    assert not TransactionLog.objects.filter(customer_id=user.pk).exists()
    assert checkout.price(user.pk, ref, "150000.00").discounted_amount == Decimal(120000)
    with pytest.raises(errors.OrderConflict):
        checkout.price(user.pk, ref, "1.00")


def test_the_price_first_and_no_tier(shopper, tier):
    user, _, _ = shopper
    draw = checkout.price(user.pk, "cheap", "5.00")
    assert (draw.tier_id, draw.discounted, draw.discounted_amount) == (None, False, Decimal(5))
    assert draw.created


def test_an_unknown_customer_has_no_price(tier):
    with pytest.raises(errors.SespanRefused):
        checkout.price(999_999_999, "x", "150000.00")


def test_mail_of_the_site(name, sink):
    address = f"{name}@example.com"
    message = EmailMultiAlternatives(
        "Pesanan №1",
        "text",
        "Toko <shop@example.com>",
        [address],
        cc=[f"cc-{address}"],
        bcc=[f"bcc-{address}"],
        reply_to=["help@example.com"],
        headers={"X-Order": "17"},
    )
    message.attach_alternative("<p>html</p>", "text/html")
    message.attach("invoice.pdf", b"%PDF\x00\xff" * 1000, "application/pdf")
    with transaction.atomic():
        assert message.send() == 1
    mails = [sink.wait(to) for to in (address, f"cc-{address}", f"bcc-{address}")]
    got = mails[0].message
    assert got["Subject"] == "Pesanan №1"
    assert (got["From"], got["Reply-To"], got["X-Order"]) == (
        "Toko <shop@example.com>",
        "help@example.com",
        "17",
    )
    assert got["Bcc"] is None
    assert got["Cc"] == f"cc-{address}"
    assert got.get_body(("plain",)).get_content().strip() == "text"
    assert got.get_body(("html",)).get_content().strip() == "<p>html</p>"
    (attachment,) = got.iter_attachments()
    assert attachment.get_filename() == "invoice.pdf"
    assert attachment.get_content() == b"%PDF\x00\xff" * 1000
    assert len({m.message["Message-ID"] for m in mails}) == 1


def test_a_raw_mail_and_a_rolled_back_one(name, sink):
    address = f"{name}@example.com"
    with transaction.atomic():
        EmailMessage("never", "x", "shop@example.com", [address]).send()
        transaction.set_rollback(True)
    raw = EmailMultiAlternatives("raw", "text", "shop@example.com", [address])
    raw.attach_alternative("BEGIN:VCALENDAR\r\nEND:VCALENDAR", "text/calendar")
    EmailBackend().send_messages([raw])
    got = sink.wait(address)
    assert got.message["Subject"] == "raw"
    assert "text/calendar" in [p.get_content_type() for p in got.message.walk()]
    assert len(sink.to(address)) == 1
    assert MailMessage.objects.filter(pk=raw.sespan_id).exists()


@pytest.mark.parametrize(
    "page",
    ["otp", "transactionlog", "transactiontier", "apilog", "mailmessage", "mailqueue"],
)
def test_the_admin_with_the_roles_of_the_manual(browser, page):
    staff = User.objects.filter(username="staff").first() or User.objects.create_superuser(
        "staff", "staff@example.com", PASSWORD
    )
    browser.force_login(staff)
    url = f"/admin/sespan/{page}/"
    listed = browser.get(url)
    assert listed.status_code == 200
    row = re.search(rf'href="({url}\d+/change/)', listed.text)
    if row:
        assert browser.get(row.group(1)).status_code == 200


def test_the_sites_login_reads_no_secrets():
    for query in (
        "SELECT otp_number FROM sespan.otp",
        "SELECT body_text FROM sespan.mail_message",
        "SELECT * FROM sespan.api_key",
        "INSERT INTO sespan.transaction_tier (name, probability, discount) VALUES ('x', 1, 1)",
    ):
        with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
            cursor.execute(query)


def test_users_can_be_deleted(browser, name, sink):
    address = register(browser, name)
    sink.wait(address)
    User.objects.get(username=name).delete()
    page = browser.post(CODE_URL, {"code": "123456"})
    assert page.status_code == 200
    assert "no longer valid" in page.text


def test_a_wrong_key(settings, stack, browser, name):
    settings.SESPAN = stack.settings(KEY="sk_" + "a" * 12 + "_" + "b" * 43)
    with pytest.raises(errors.SespanMisconfigured):
        get_client().otp_status("0197f3c2-0000-7000-8000-000000000001")
    register(browser, name)
    assert "could not send" in browser.get(CODE_URL).text


def test_down_and_up_again(stack, browser, name, sink, runtime):
    stack.stop_service()
    address = register(browser, name)
    assert "could not send" in browser.get(CODE_URL).text
    with pytest.raises(errors.SespanUnavailable):
        checkout.price(1, "x", "1.00")
    EmailMessage("waits", "x", "shop@example.com", [f"w-{address}"]).send()
    stack.start_service()
    assert "A new code is on its way" in browser.post(RESEND_URL, follow=True).text
    enter(browser, code_in(sink.wait(address)))
    assert sink.wait(f"w-{address}").message["Subject"] == "waits"


def test_a_stale_binding_is_reported_after_migrate(stack):
    def told():
        out = StringIO()
        call_command("migrate", stdout=out)
        return "Sespan" in out.getvalue(), out.getvalue()

    assert not told()[0]
    stack.rows("ALTER TABLE auth_user RENAME COLUMN email TO address")
    try:
        warned, text = told()
    finally:
        stack.rows("ALTER TABLE auth_user RENAME COLUMN address TO email")
    assert warned
    assert "stale: column public.auth_user.email does not exist" in text
    assert "sespan bind-customers" in text
