"""From `sespan init` to a customer who is logged in, with the handbook's own words."""

from __future__ import annotations

from ten_minutes import projects
from ten_minutes.steps import do, follow, mail_backend, passed_steps, registers, verify
from ten_minutes.visitor import PASSWORD, Visitor


def test_a_fresh_project(fresh, blocks):
    verify(fresh, blocks)
    assert len(Visitor(fresh).mails("you@example.com", 2)) == 2
    visitor = registers(fresh, "sari", "auth_user")
    assert visitor.get("/").text == "Hello, sari"


def test_the_wheel_is_what_runs(fresh):
    place = fresh.run("python -c 'import django_sespan; print(django_sespan.__file__)'")
    assert "/site-packages/django_sespan/" in place


def test_init_again_changes_nothing(fresh, blocks):
    before = [(fresh.folder / name).read_bytes() for name in ("sespan.key", "sespan.env")]
    (command,) = blocks["init"].commands()
    printed = fresh.run(command)
    assert "nothing changed" in printed
    assert "has its rights already" in printed
    assert "PASSWORD" not in printed
    assert [(fresh.folder / n).read_bytes() for n in ("sespan.key", "sespan.env")] == before


def test_an_own_user_model_with_the_phone_in_a_profile(make_site, blocks):
    site = make_site(projects.own_user_model)
    follow(site, blocks, init="init-custom")
    verify(site, blocks)
    registers(site, "budi", "accounts_customer")
    site.rows(
        "INSERT INTO profile (user_id, phone) SELECT id, '+62 811' FROM accounts_customer"
        " WHERE username = 'budi'"
    )
    assert site.rows("SELECT username, phone_number FROM sespan.customer") == [("budi", "+62 811")]


def test_beside_allauth(make_site, blocks):
    site = make_site(projects.allauth)
    (site.folder / "shop" / "accounts.py").write_text(blocks["allauth-adapter"].text)
    follow(site, blocks, more=blocks["allauth"].text)
    verify(site, blocks)
    assert "sespan.W" not in site.run("python manage.py check")
    visitor = Visitor(site)
    form = {"username": "wati", "email": "wati@example.com"}
    answer = visitor.post("/accounts/signup/", **form, password1=PASSWORD, password2=PASSWORD)
    assert answer.headers["Location"] == "/accounts/confirm-email/", answer.text
    (mail,) = visitor.mails("wati@example.com")
    link = next(word for word in mail["text"].split() if "/accounts/confirm-email/" in word)
    assert visitor.post(link.partition(site.web)[2]).status_code == 302
    answer = visitor.post("/accounts/login/", login="wati", password=PASSWORD)
    assert answer.headers["Location"] == "/admin/", answer.text
    assert visitor.is_logged_in()
    wait_for_login(site, "wati")
    registers(site, "tini", "auth_user", code_first=True)
    elsewhere = Visitor(site)
    answer = elsewhere.post("/accounts/login/", login="tini", password=PASSWORD)
    assert answer.headers["Location"] == "/admin/", answer.text  # nothing is to be confirmed again
    assert elsewhere.is_logged_in()


def wait_for_login(site, name):
    found = (
        "SELECT l.outcome FROM sespan.api_log_full l JOIN auth_user u ON u.id = l.customer_id"
        " WHERE l.request_type = 'Login' AND u.username = %s"
    )
    for _ in range(600):
        if rows := site.rows(found, name):
            assert rows == [("success",)]
            return
        site.run("sleep 0.05")  # the report is sent in the background, by another process
    raise AssertionError("the login is not in the log")


def test_the_mail_queue_alone(make_site, blocks):
    site = make_site(projects.fresh)
    for name in ("init", "install"):
        for command in blocks[name].commands():
            site.run(command)
    site.append("shop/settings.py", blocks["mail-app"].text + mail_backend(blocks))
    site.run("python manage.py check --fail-level WARNING")
    printed = do(site, blocks["mail-serve"].commands())
    assert passed_steps(printed) == passed_steps("\n".join(blocks["mail-serve"].output()))
    assert "not used: SESPAN has neither URL nor KEY" in printed
    visitor = Visitor(site)
    assert len(visitor.mails("somebody@example.com")) == 1
    assert len(visitor.mails("you@example.com")) == 1
