from __future__ import annotations

import json
import stat
from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import OperationalError

from django_sespan._internal.tokens import SigningKey

pytestmark = pytest.mark.django_db


def run(*args):
    out = StringIO()
    call_command("sespan_init", *args, stdout=out)
    return out.getvalue()


@pytest.fixture
def path(settings, tmp_path):
    path = tmp_path / "checkout.pem"
    settings.SESPAN = {**settings.SESPAN, "SIGNING_KEY_FILE": str(path)}
    return path


def test_makes_a_key_once(path):
    out = run()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = SigningKey.load(path)
    jwks = path.with_name("checkout.pem.jwks.json")
    assert json.loads(jwks.read_text()) == {"keys": [key.jwk]}
    assert f"SESPAN_JWKS={jwks}" in out
    assert "PRIVATE" not in out
    before = path.read_bytes(), jwks.read_bytes()
    assert "kept" in run()
    assert (path.read_bytes(), jwks.read_bytes()) == before


def test_only_public_members_are_published(path):
    run()
    (jwk,) = json.loads(path.with_name("checkout.pem.jwks.json").read_text())["keys"]
    assert set(jwk) == {"kty", "crv", "x", "kid", "use", "alg"}


def test_a_rotation_keeps_the_old_key_for_a_while(path):
    run()
    old = SigningKey.load(path)
    path.unlink()
    run()
    new = SigningKey.load(path)
    jwks = json.loads(path.with_name("checkout.pem.jwks.json").read_text())
    assert [k["kid"] for k in jwks["keys"]] == [new.kid, old.kid]


def test_own_paths(tmp_path):
    run("--key", str(tmp_path / "k"), "--jwks", str(tmp_path / "j"))
    assert (tmp_path / "j").exists()


def test_faults_are_one_line(settings, tmp_path):
    with pytest.raises(CommandError, match="SIGNING_KEY_FILE"):
        run()
    with pytest.raises(CommandError, match="none is no folder in which this command may write"):
        run("--key", str(tmp_path / "none" / "k"))
    bad = tmp_path / "bad"
    bad.write_text("no key")
    with pytest.raises(CommandError):
        run("--key", str(bad))
    assert bad.read_text() == "no key"
    (tmp_path / "j").write_text("[]")
    with pytest.raises(CommandError, match="not a JWKS"):
        run("--key", str(tmp_path / "k"), "--jwks", str(tmp_path / "j"))


@pytest.mark.parametrize("there", [None, "[]", '{"keys": [{"kty": "RSA", "kid": "sso"}]}'])
def test_no_key_is_made_where_its_public_half_cannot_be_written(path, tmp_path, there):
    jwks = tmp_path / ("none/j" if there is None else "j")
    if there is not None:
        jwks.write_text(there)
    with pytest.raises(CommandError):
        run("--jwks", str(jwks))
    assert not path.exists()


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_settings_that_name_the_file_need_no_further_line(path, tmp_path, monkeypatch, quote):
    monkeypatch.chdir(tmp_path)
    env = tmp_path / "sespan.env"
    env.write_text(f"A=b\nSESPAN_JWKS={quote}keys.json{quote}\n")
    assert "sespan.env names them" in run("--jwks", "keys.json")
    assert "Give it" not in run("--jwks", str(tmp_path / "keys.json"))
    for other in ("A=b\n", "SESPAN_JWKS=elsewhere.json\n", "SESPAN_JWKS=\n"):
        env.write_text(other)
        assert f"SESPAN_JWKS={tmp_path / 'keys.json'}" in run("--jwks", "keys.json")
    env.write_bytes(b"\xff")
    assert "Give it" in run("--jwks", "keys.json")


class TestGroups:
    def permissions(self, name):
        found = Group.objects.get(name=name).permissions.values_list("codename", flat=True)
        return sorted(found)

    def test_are_made_once(self):
        out = run("--groups-only")
        assert out.splitlines() == [
            "Group: Sespan admin (new)",
            "Group: Sespan dashboard (new)",
            "Group: Sespan report (new)",
        ]
        assert self.permissions("Sespan dashboard") == ["view_dashboard"]
        assert self.permissions("Sespan report") == ["view_reports"]
        assert set(self.permissions("Sespan admin")) >= {
            "administer",
            "view_dashboard",
            "view_reports",
            "view_apilog",
            "view_otp",
            "change_transactiontier",
            "manage_mail",
            "preview_mail",
            "revoke_activation",
        }
        assert "change_apilog" not in self.permissions("Sespan admin")
        again = run("--groups-only")
        assert [line.rpartition(" ")[2] for line in again.splitlines()] == ["(kept)"] * 3

    def test_with_the_key(self, path):
        out = run()
        assert "Signing key" in out
        assert Group.objects.filter(name__startswith="Sespan").count() == 3

    def test_without_the_key_nothing_of_it_is_asked(self, settings):
        settings.SESPAN = {}
        assert "Signing key" not in run("--groups-only")

    def test_what_was_taken_out_by_hand_comes_back(self):
        run("--groups-only")
        Group.objects.get(name="Sespan report").permissions.clear()
        Group.objects.get(name="Sespan dashboard").delete()
        own = Permission.objects.get(codename="add_user")
        Group.objects.get(name="Sespan admin").permissions.add(own)
        out = run("--groups-only")
        assert "Sespan admin (kept)" in out
        assert "Sespan dashboard (new)" in out
        assert "Sespan report (kept, 1 permissions added)" in out
        assert "add_user" in self.permissions("Sespan admin"), "what the site adds stays"

    def test_before_the_sites_first_migrate(self, monkeypatch):
        monkeypatch.setattr("django_sespan._internal.groups.Group._meta.db_table", "none")
        with pytest.raises(CommandError, match=r"run manage.py migrate first"):
            run("--groups-only")

    def test_a_database_that_is_away_hinders_no_key(self, path, monkeypatch):
        def away():
            raise OperationalError("connection refused\nmore")

        monkeypatch.setattr("django_sespan._internal.groups.tables_are_there", away)
        assert "Groups: not made yet (connection refused)" in run()
        assert path.exists()

    @pytest.mark.parametrize("others", ["people", "permissions"])
    def test_a_group_of_somebody_else_gets_no_role(self, others, django_user_model):
        """Its members would get the role with it."""
        group = Group.objects.create(name="Sespan admin")
        if others == "people":
            django_user_model.objects.create_user("ani").groups.add(group)
        else:
            group.permissions.add(Permission.objects.get(codename="add_user"))
        out = run("--groups-only")
        assert "Sespan admin is of somebody else" in out
        assert "Sespan report (new)" in out
        assert "administer" not in self.permissions("Sespan admin")
        run("--groups-only", "--replace")
        assert "administer" in self.permissions("Sespan admin")

    def test_an_empty_group_was_waiting_for_its_permissions(self):
        Group.objects.create(name="Sespan admin")
        assert "Sespan admin (kept, " in run("--groups-only")


RSA = {"kty": "RSA", "kid": "of-the-sso", "n": "AQAB", "e": "AQAB", "use": "sig", "alg": "RS256"}


def test_keys_of_somebody_else_are_not_lost(path, tmp_path):
    jwks = tmp_path / "all.jwks.json"
    jwks.write_text(json.dumps({"keys": [RSA]}))
    with pytest.raises(CommandError, match="of-the-sso"):
        run("--jwks", str(jwks))
    assert json.loads(jwks.read_text()) == {"keys": [RSA]}
    run("--jwks", str(jwks), "--replace")
    assert len(json.loads(jwks.read_text())["keys"]) == 2


def test_a_key_that_goes_is_named(path):
    run()
    first = SigningKey.load(path).kid
    for _ in range(2):
        path.unlink()
        out = run()
    assert f"Public keys: {first} is no longer among them" in out
