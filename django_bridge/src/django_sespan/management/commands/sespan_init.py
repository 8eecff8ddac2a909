"""Make the signing key, write its public half for Sespan, and make the groups of the roles."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from django_sespan._internal import groups
from django_sespan._internal.tokens import SigningKey
from django_sespan.conf import get_settings

ENV_FILE = "sespan.env"
"""What `sespan init --env-file` writes; both commands run in the site's folder."""
NAME = "SESPAN_JWKS="
OTHERS = (
    "of somebody else, with people or permissions of their own: left as it is; "
    "rename it, or give it the role with --replace"
)


class Command(BaseCommand):
    """`manage.py sespan_init [--key FILE] [--jwks FILE] [--groups-only]`; again changes nothing.

    What others made stays: a group of the same name, a JWKS file with keys that are not of this
    command. `--replace` takes them over.
    """

    help = (
        "Makes the Ed25519 key that signs tokens if it is missing, writes the JWKS for Sespan, and "
        "makes the groups Sespan admin, Sespan dashboard and Sespan report."
    )
    requires_system_checks: list[str] = []  # the key's own check would stop the run that makes it

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Paths; both have a default."""
        parser.add_argument("--key", type=Path, help="default: SESPAN['SIGNING_KEY_FILE']")
        parser.add_argument("--jwks", type=Path, help="default: <key>.jwks.json")
        parser.add_argument(
            "--groups-only", action="store_true", help="make the groups, leave the key alone"
        )
        parser.add_argument(
            "--replace",
            action="store_true",
            help="take over a JWKS file and groups that something else has made",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was made."""
        if not options["groups_only"]:
            self._make_key(options)
        self._make_groups(required=options["groups_only"], replace=options["replace"])

    def _make_key(self, options: dict[str, Any]) -> None:
        """Print the line to give to Sespan, too, where its settings have no such line."""
        path: Path | None = options["key"] or get_settings().signing_key_file
        if path is None:
            raise CommandError("Set SESPAN['SIGNING_KEY_FILE'] or give --key FILE.")
        try:
            jwks: Path = options["jwks"] or path.with_suffix(path.suffix + ".jwks.json")
            for file in (jwks,) if path.exists() else (path, jwks):
                _check_writable(file)
            made = SigningKey.load(path) if path.exists() else SigningKey.generate()
            _others(jwks, made, replace=options["replace"])  # refuses before anything is made
            key = self._key(path)
            self._write_jwks(jwks, key, replace=options["replace"])
        except (OSError, ValueError) as exc:
            raise CommandError(str(exc)) from exc
        if _is_named(jwks):
            self.stdout.write(f"{ENV_FILE} names them: sespan serve reads them from there")
        else:
            self.stdout.write(f"Give it to Sespan: SESPAN_JWKS={jwks.resolve()}")

    def _make_groups(self, *, required: bool, replace: bool) -> None:
        try:
            if groups.tables_are_there():
                for name, state, added in groups.make(replace=replace):
                    if state == "left":
                        self.stdout.write(f"Group: {name} is {OTHERS}")
                        continue
                    more = f", {added} permissions added" if added and state == "kept" else ""
                    self.stdout.write(f"Group: {name} ({state}{more})")
                return
            reason = "run manage.py migrate first"
        except DatabaseError as exc:
            reason = str(exc).splitlines()[0]
        if required:
            raise CommandError(f"The groups were not made: {reason}")
        again = "manage.py sespan_init --groups-only"
        self.stdout.write(f"Groups: not made yet ({reason}); afterwards {again}")

    def _key(self, path: Path) -> SigningKey:
        try:
            # O_EXCL: two runs at once must not overwrite each other's key.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            self.stdout.write(f"Signing key: {path} (kept)")
            return SigningKey.load(path)
        key = SigningKey.generate()
        with os.fdopen(handle, "wb") as file:
            file.write(key.pem())
        self.stdout.write(f"Signing key: {path} (new)")
        return key

    def _write_jwks(self, path: Path, key: SigningKey, *, replace: bool) -> None:
        others = _others(path, key, replace=replace)
        for lost in others[1:]:
            self.stdout.write(f"Public keys: {lost.get('kid')} is no longer among them")
        # The newest first; one older key stays, for tokens minted just before a change.
        text = json.dumps({"keys": [key.jwk, *others[:1]]}, indent=2) + "\n"
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_text(text)
        part.chmod(0o644)
        part.replace(path)
        self.stdout.write(f"Public keys: {path}")


def _check_writable(path: Path) -> None:
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise ValueError(
            f"{path.parent} is no folder in which this command may write; "
            "make it, or name another file."
        )


def _others(path: Path, key: SigningKey, *, replace: bool) -> list[dict[str, str]]:
    """Give the keys of the file beside this one; ValueError where some are of others."""
    others = [k for k in _read(path) if k.get("kid") != key.kid]
    foreign = [k for k in others if not set(key.jwk) <= set(k) or k["kty"] != key.jwk["kty"]]
    if foreign and not replace:
        names = ", ".join(str(k.get("kid", "without a kid")) for k in foreign)
        raise ValueError(
            f"{path} holds keys that this command did not make ({names}) and would lose; "
            "give another --jwks, or --replace."
        )
    return others


def _read(path: Path) -> list[dict[str, str]]:
    try:
        keys = json.loads(path.read_text())["keys"]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as exc:
        raise ValueError(f"{path} is not a JWKS file; remove it or give another --jwks.") from exc
    return [k for k in keys if isinstance(k, dict)]


def _is_named(jwks: Path) -> bool:
    try:
        lines = Path(ENV_FILE).read_text().splitlines()
    except (OSError, ValueError):
        return False
    values = [line.partition("=")[2].strip("\"'") for line in lines if line.startswith(NAME)]
    return bool(values) and Path(values[-1]).resolve() == jwks.resolve()
