from __future__ import annotations

import gettext
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory

from accounts.models import Customer
from catalogue.models import Product
from catalogue.stock_list import ITEMS
from shop import environment
from shop.proxy import client_ip

ROOT = Path(__file__).parents[1]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/nowhere/", "/admin/login/", "/account/register/"])
def test_every_page_has_the_policy(client, path):
    policy = client.get(path).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self' https://sespan.test" in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_seeding_twice_changes_nothing(monkeypatch):
    monkeypatch.setenv("SHOP_ADMIN_PASSWORD", "admin-kopi")
    monkeypatch.setenv("SHOP_DEMO_PASSWORD", "demo-kopi")

    def seed():
        out = io.StringIO()
        call_command("seed_shop", stdout=out)
        return out.getvalue()

    assert f"products: {len(ITEMS)} new" in seed()
    Product.objects.filter(slug="gayo").update(price=1, stock=2)
    Customer.objects.filter(username="demo").update(phone_number="0812 3456 7890")
    again = seed()
    assert "products: 0 new" in again
    assert "admin@example.com and password admin-kopi" in again
    gayo = Product.objects.get(slug="gayo")
    assert (gayo.price, gayo.stock) == (1, 2)
    staff = Customer.objects.get(email="admin@example.com")
    assert (staff.is_staff, staff.is_superuser, staff.is_active) == (True, True, True)
    assert not Customer.objects.get(email="demo@example.com").is_staff
    monkeypatch.setenv("SHOP_ADMIN_PASSWORD", "other")
    assert "with another password" in seed()


@pytest.mark.django_db
def test_seeding_makes_one_person_for_each_role(monkeypatch):
    monkeypatch.setenv("SHOP_ROLES_PASSWORD", "teh-kopi")
    monkeypatch.setenv("SHOP_ROLES_EMAIL", "never@example.com")  # would be one for three people
    call_command("sespan_init", groups_only=True, stdout=io.StringIO())
    call_command("seed_shop", stdout=io.StringIO())
    people = {
        c.email: (c.is_staff, {p.rpartition(".")[2] for p in c.get_all_permissions()})
        for c in Customer.objects.filter(groups__isnull=False)
    }
    assert people["viewer@example.com"] == (False, {"view_dashboard"})
    assert people["bookkeeper@example.com"] == (False, {"view_reports"})
    is_staff, permissions = people["manager@example.com"]
    assert is_staff
    assert {"administer", "view_dashboard", "view_reports"} <= permissions
    assert len(people) == 3

    viewer = Customer.objects.get(username="viewer")
    viewer.groups.clear()
    call_command("seed_shop", stdout=io.StringIO())  # what was taken away stays away
    assert not viewer.groups.exists()


@pytest.mark.django_db
def test_seeding_without_passwords_makes_no_accounts(monkeypatch):
    monkeypatch.delenv("SHOP_ADMIN_PASSWORD", raising=False)
    monkeypatch.delenv("SHOP_DEMO_PASSWORD", raising=False)
    out = io.StringIO()
    call_command("seed_shop", stdout=out)
    assert not Customer.objects.exists()
    assert "SHOP_ADMIN_PASSWORD is not set" in out.getvalue()


@pytest.mark.django_db
def test_seeding_never_takes_over_an_account(monkeypatch):
    Customer.objects.create_user("other@example.com", "admin", "x")
    monkeypatch.setenv("SHOP_ADMIN_PASSWORD", "admin-kopi")
    with pytest.raises(CommandError, match="belongs to another address"):
        call_command("seed_shop", stdout=io.StringIO())
    assert not Product.objects.exists()


@pytest.mark.django_db
def test_models_have_their_migrations():
    call_command("makemigrations", "accounts", "catalogue", "orders", check=True, verbosity=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SECRET_KEY", ""), ("DEBUG", "perhaps"), ("DATABASE_URL", "mysql://a/b")],
)
def test_wrong_settings_stop_the_start_by_name(name, value):
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings", "DEBUG": "0"}
    env |= {"SECRET_KEY": "x" * 50, name: value}
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"ImproperlyConfigured: {name}" in done.stderr


def test_database_url():
    found = environment.database("postgres://us%40er:p%2Fw@db.example:5433/toko?sslmode=require")
    assert (found["USER"], found["PASSWORD"], found["HOST"]) == ("us@er", "p/w", "db.example")
    assert (found["NAME"], found["PORT"], found["OPTIONS"]) == (
        "toko",
        "5433",
        {"sslmode": "require"},
    )


def test_database_from_libpq_variables(monkeypatch):
    monkeypatch.setenv("PGDATABASE", "toko")
    monkeypatch.setenv("PGHOST", "db.example")
    assert environment.database("")["NAME"] == "toko"
    assert environment.database("")["HOST"] == "db.example"


@pytest.mark.parametrize(
    "url",
    ["mysql://a/b", "postgres://host/", "postgres://h/d?evil=1", "nonsense", "postgres://h:x/d"],
)
def test_wrong_database_urls_are_refused(url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        environment.database(url)


def test_secrets_come_from_files(monkeypatch, tmp_path):
    file = tmp_path / "key"
    file.write_text("sk_secret\n")
    monkeypatch.setenv("A_KEY_FILE", str(file))
    assert environment.text("A_KEY") == "sk_secret"
    monkeypatch.setenv("A_KEY", "direct")
    assert environment.text("A_KEY") == "direct"
    monkeypatch.delenv("A_KEY")
    monkeypatch.setenv("A_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(ImproperlyConfigured, match="A_KEY_FILE"):
        environment.text("A_KEY")


def test_booleans_are_yes_or_no(monkeypatch):
    monkeypatch.setenv("A_SWITCH", "On")
    assert environment.boolean("A_SWITCH", default=False)
    monkeypatch.setenv("A_SWITCH", "maybe")
    with pytest.raises(ImproperlyConfigured, match="A_SWITCH"):
        environment.boolean("A_SWITCH", default=False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("public", "sources"),
    [
        ("https://api.shop.example:8443/x", "'self' https://api.shop.example:8443"),
        ("/sespan", "'self'"),
    ],
)
def test_ajax_may_go_to_sespans_public_address(settings, public, sources):
    settings.SESPAN = {**settings.SESPAN, "PUBLIC_URL": public}
    policy = Client().get("/").headers["Content-Security-Policy"]
    assert policy.endswith(f"connect-src {sources}")


@pytest.mark.django_db
def test_first_start(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_ADMIN_PASSWORD", "admin-kopi")
    settings.STATIC_ROOT = str(tmp_path / "static")
    key = tmp_path / "checkout.pem"
    settings.SESPAN = {**settings.SESPAN, "ENABLED": False, "SIGNING_KEY_FILE": str(key)}
    for _start in range(2):
        call_command("prepare_shop", stdout=io.StringIO(), verbosity=0)
    assert key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "static/shop/shop.css").exists()
    assert Product.objects.count() == len(ITEMS)


@pytest.mark.parametrize(
    ("header", "address"),
    [("203.0.113.9", "203.0.113.9"), ("6.6.6.6, 203.0.113.9", "203.0.113.9"), ("", None)],
)
def test_the_proxys_own_entry_counts(header, address):
    assert client_ip(RequestFactory(headers={"X-Forwarded-For": header}).get("/")) == address


@pytest.mark.django_db
def test_indonesian(client):
    response = client.post("/language/setlang/", {"language": "id", "next": "/cart/"}, follow=True)
    page = response.content.decode()
    assert 'lang="id"' in page
    assert "Keranjang" in page


def test_every_text_is_translated():
    catalogue = (ROOT / "locale/id/LC_MESSAGES/django.po").read_text()
    assert "#, fuzzy" not in catalogue
    assert not re.search(r'msgstr ""\n(\n|$)', catalogue)
    assert not re.search(r'msgstr\[\d\] ""\n(\n|$)', catalogue)
    used = {
        text.replace("%", "%%")
        for file in (ROOT / "templates").rglob("*.*")
        for _quote, text in re.findall(r"""\{% translate (["'])(.*?)\1 %\}""", file.read_text())
    }
    assert len(used) > 80
    assert {text for text in used if f'msgid "{text}"' not in catalogue} == set()


def test_compiled_texts_are_those_of_the_source():
    folder = ROOT / "locale/id/LC_MESSAGES"
    compiled = gettext.GNUTranslations(io.BytesIO((folder / "django.mo").read_bytes()))
    source = re.findall(
        r'^msgid "(.+)"\nmsgstr "(.+)"$', (folder / "django.po").read_text(), re.MULTILINE
    )
    assert len(source) > 150
    for text, translation in source:
        assert compiled.gettext(text) == translation
