"""The real thing: PostgreSQL, the site's database under a login of its own, `sespan serve`, SMTP.

The site's login is no superuser: it owns its tables and has Sespan's producer, reader and
admin roles, as the manual says.
"""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from database import free_port
from live.smtp import Sink

READY_WITHIN = 60.0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Stack:
    """Starts and stops everything; `binary` is the built sespan."""

    def __init__(self, binary: Path, superuser_url: str, work: Path) -> None:
        self.binary, self.superuser_url, self.work = binary, superuser_url, work
        self.name = f"live_{secrets.token_hex(4)}"
        self.password = secrets.token_hex(12)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.admin = f"127.0.0.1:{free_port()}"
        self.key_file, self.env_file = work / "key", work / "env"
        self.signing_key, self.jwks = work / "checkout.pem", work / "jwks.json"
        self.ends = ExitStack()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Stack:
        with ExitStack() as undo:
            undo.callback(self.ends.close)
            self._create_database()
            self._migrate_site()
            self._prepare_sespan()
            self.sink = self.ends.enter_context(Sink())
            self.ends.callback(self.sink.shutdown)
            self.ends.callback(self.stop_service)
            self.start_service()
            undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        connection.close()
        self.ends.close()

    def database_url(self, *, superuser: bool) -> str:
        parts = urlsplit(self.superuser_url)
        netloc = parts.netloc
        if not superuser:
            netloc = f"{self.name}:{self.password}@{netloc.rsplit('@', 1)[-1]}"
        query = parts.query or "sslmode=disable"
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{self.name}", query=query))

    def rows(self, query: str, values: list[object] | None = None) -> list[tuple]:
        """Look into the database as its superuser."""
        with psycopg.connect(self.database_url(superuser=True), autocommit=True) as other:
            cursor = other.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def settings(self, **changes: object) -> dict[str, object]:
        return {
            "URL": self.url,
            "KEY": self.key_file.read_text().strip(),
            "SIGNING_KEY_FILE": str(self.signing_key),
            "ORDER": "site_project.orders.sespan_order",
            "FAKE": False,
            **changes,
        }

    def point_django_here(self) -> dict[str, object]:
        """Give the settings of before."""
        connection.close()
        parts = urlsplit(self.database_url(superuser=False))
        before = {key: connection.settings_dict[key] for key in ("NAME", "USER", "PASSWORD")}
        connection.settings_dict.update(
            NAME=self.name, USER=parts.username, PASSWORD=parts.password
        )
        return before

    def start_service(self) -> None:
        self.process = self._serve(self.url, self.admin)

    @contextmanager
    def another_service(self) -> Iterator[str]:
        """Run a second process on the same database; gives its address."""
        url = f"http://127.0.0.1:{free_port()}"
        process = self._serve(url, f"127.0.0.1:{free_port()}")
        try:
            yield url
        finally:
            _end(process)

    def _serve(self, url: str, admin: str) -> subprocess.Popen[bytes]:
        settings = dict(
            word.split("=", 1) for word in shlex.split(self.env_file.read_text(), comments=True)
        )
        settings |= {
            "SESPAN_HTTP_ADDR": urlsplit(url).netloc,
            "SESPAN_ADMIN_ADDR": admin,
            "SESPAN_SMTP_URL": f"smtp://127.0.0.1:{self.sink.port}?tls=none",
            "SESPAN_MAIL_FROM": "Shop <no-reply@shop.test>",
            "SESPAN_ALLOWED_ORIGINS": "http://testserver",
            "SESPAN_OTP_LINK": "http://testserver/account/code/",
        }
        with (self.work / "serve.log").open("ab") as log:
            process = subprocess.Popen(
                [self.binary, "serve"],
                env={**os.environ, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_ready(process, admin)
        except AssertionError:
            _end(process)
            raise
        return process

    def stop_service(self) -> None:
        if self.process is not None:
            _end(self.process)
            self.process = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes], admin: str) -> None:
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end and process.poll() is None:
            try:
                if httpx.get(f"http://{admin}/readyz", timeout=5).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)  # another program: it sends no signal
        log = (self.work / "serve.log").read_text()
        raise AssertionError(f"sespan serve is not ready:\n{log[-4000:]}")

    def _create_database(self) -> None:
        login = sql.Identifier(self.name)
        with psycopg.connect(self.superuser_url, autocommit=True) as other:
            create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            other.execute(create.format(login, sql.Literal(self.password)))
            other.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(login, login))
        self.ends.callback(self._drop_database)

    def _drop_database(self) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as other:
            other.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name))
            )
            roles = other.execute(
                "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [self.name]
            ).fetchall()
            for (role,) in roles:
                other.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    def _migrate_site(self) -> None:
        before = self.point_django_here()
        try:
            call_command("migrate", verbosity=0)
        finally:
            connection.close()
            connection.settings_dict.update(before)

    def _prepare_sespan(self) -> None:
        prefix = f"{self.name}_"
        self._run(
            "init",
            f"--dsn={self.database_url(superuser=True)}",
            "--table=public.auth_user",
            f"--key-file={self.key_file}",
            f"--env-file={self.env_file}",
            f"--jwks={self.jwks}",
            f"--role-prefix={prefix}",
        )
        paths = ("--key", self.signing_key, "--jwks", self.jwks)
        call_command("sespan_init", *paths, stdout=StringIO())
        groups = [sql.Identifier(prefix + g) for g in ("producer", "reader_detail", "admin")]
        with psycopg.connect(self.database_url(superuser=True), autocommit=True) as other:
            other.execute(
                sql.SQL("GRANT {} TO {}").format(
                    sql.SQL(", ").join(groups), sql.Identifier(self.name)
                )
            )

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.binary, *arguments], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
