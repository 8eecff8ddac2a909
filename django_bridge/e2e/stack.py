"""The whole stack, as a newcomer's machine would run it.

    Chromium ──▶ shop (gunicorn) ──▶ sespan serve ──▶ PostgreSQL
        └─────── Ajax ──────────────────┘   └──▶ sespan inbox (SMTP, JSON)

The shop's login owns its own tables and has Sespan's producer, reader and admin roles; the service
has a login of its own. Neither is a superuser.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg import sql

from inbox import Inbox
from processes import Process, free_port, run

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "django_bridge" / "example"
NEXT_PYTHON = Path(os.environ.get("NEXT_SHOP_PYTHON") or ROOT / ".venv-next" / "bin" / "python")
ADMIN_EMAIL, ADMIN_PASSWORD = "admin@example.com", "admin-kopi-2026"
# Below 200,000 rupiah nobody wins; from there to 800,000 everybody does; above no tier applies.
TIERS = (
    {"name": "Never", "min": "1.00", "max": "200000.00", "probability": "0", "discount": "0.5"},
    {
        "name": "Always",
        "min": "200000.00",
        "max": "800000.00",
        "probability": "1",
        "discount": "0.2",
    },
)


@dataclass
class Stack:
    """Addresses and keys of the running programs."""

    superuser_url: str
    binary: Path
    work: Path
    logs: Path
    database: str = field(default_factory=lambda: f"e2e_{secrets.token_hex(4)}")
    password: str = field(default_factory=lambda: secrets.token_hex(12))

    def __post_init__(self) -> None:
        self.shop_port, self.api_port, self.admin_port = free_port(), free_port(), free_port()
        self.smtp_port, self.inbox_port = free_port(), free_port()
        self.shop_url = f"http://127.0.0.1:{self.shop_port}"
        self.api_url = f"http://127.0.0.1:{self.api_port}"
        self.inbox = Inbox(f"http://127.0.0.1:{self.inbox_port}")
        self._exits = ExitStack()
        self.processes: dict[str, Process] = {}

    def start(self) -> None:
        """Bring everything up; whatever was started is stopped when a step fails."""
        with ExitStack() as undo:
            undo.callback(self.stop)
            self._create_database()
            self._prepare_shop()
            self._prepare_sespan()
            self._start_all()
            self._make_tiers()
            undo.pop_all()

    def stop(self) -> None:
        """Stop everything and drop the database."""
        self._exits.close()

    def url(self, login: str = "", password: str = "") -> str:
        """Return the database's URL, for the superuser or for a login."""
        parts = urlsplit(self.superuser_url)
        host = parts.netloc.rsplit("@", 1)[-1]
        netloc = f"{login}:{password}@{host}" if login else parts.netloc
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{self.database}"))

    def rows(self, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Look into the database."""
        with psycopg.connect(self.url()) as connection:
            return connection.execute(query, values).fetchall()

    def count_text(self, table: str, text: str) -> int:
        """Count the rows of a table that hold a text anywhere, hashed or sealed bytes as hex."""
        query = sql.SQL("SELECT count(*) FROM {} AS t WHERE t::text ~ {}")
        pattern = sql.Literal(f"(^|[^0-9a-f]){text}($|[^0-9a-f])")
        with psycopg.connect(self.url()) as connection:
            row = connection.execute(
                query.format(sql.Identifier(*table.split(".")), pattern)
            ).fetchone()
        return int(row[0]) if row else 0

    def execute(self, statement: LiteralString, *values: object) -> None:
        """Change something in the database behind everybody's back."""
        with psycopg.connect(self.url()) as connection:
            connection.execute(statement, values)

    def let_a_minute_pass(self) -> None:
        """Age what has been mailed, so that each address may have its next mail."""
        self.execute("UPDATE sespan.otp_challenge SET sent_at = sent_at - interval '61 seconds'")
        self.execute(
            "UPDATE sespan.budget SET used_at ="
            " ARRAY(SELECT at - interval '61 seconds' FROM unnest(used_at) AS at ORDER BY at)"
        )

    def use_up_mails(self, email: str) -> None:
        """Let an address have had its mails of this hour, the last of them a minute ago."""
        self.let_a_minute_pass()
        self.execute(
            "UPDATE sespan.budget SET used_at ="
            " array_fill(now() - interval '61 seconds', ARRAY[5])"
            " WHERE budget_key = sespan.budget_key('mails_address', %s)",
            email,
        )

    def person(self, name: str, password: str, *groups: str) -> str:
        """Make somebody of the shop, in groups of Django; return the e-mail address."""
        email = f"{name}@example.com"
        program = (
            "from django.contrib.auth import get_user_model\n"
            "from django.contrib.auth.models import Group\n"
            f"user = get_user_model().objects.create_user({email!r}, {name!r}, {password!r})\n"
            f"user.groups.set(Group.objects.filter(name__in={list(groups)!r}))\n"
        )
        command = [sys.executable, "manage.py", "shell", "-c", program]
        run(command, env=self.shop_environment, cwd=SHOP)
        return email

    @property
    def shop_login(self) -> str:
        """Return the database login of the shop."""
        return f"{self.database}_shop"

    @property
    def role_prefix(self) -> str:
        """Return what the names of Sespan's roles begin with; roles belong to the whole server."""
        return f"{self.database}_"

    def _create_database(self) -> None:
        login, database = sql.Identifier(self.shop_login), sql.Identifier(self.database)
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(create.format(login, sql.Literal(self.password)))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, login))
        self._exits.callback(self._drop_database)

    def _drop_database(self) -> None:
        database = sql.Identifier(self.database)
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
            roles = "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)"
            for (role,) in connection.execute(roles, [self.role_prefix]).fetchall():
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    def _shop_environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.url(self.shop_login, self.password),
            "SECRET_KEY": secrets.token_hex(32),
            "DEBUG": "0",
            "HTTPS": "0",
            "ALLOWED_HOSTS": "127.0.0.1",
            "SESPAN_URL": self.api_url,
            "SESPAN_KEY_FILE": str(self.work / "service.key"),
            "SESPAN_SIGNING_KEY_FILE": str(self.work / "checkout.pem"),
            "STATIC_ROOT": str(self.work / "static"),
            "SHOP_ADMIN_EMAIL": ADMIN_EMAIL,
            "SHOP_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "PYTHONUNBUFFERED": "1",
        }

    def _prepare_shop(self) -> None:
        env = {**self._shop_environment(), "SESPAN_ENABLED": "0"}  # it has no key yet
        env.pop("SESPAN_KEY_FILE")
        run([sys.executable, "manage.py", "prepare_shop"], env=env, cwd=SHOP)

    def _prepare_sespan(self) -> None:
        init: list[str | Path] = [self.binary, "init", "--dsn", self.url()]
        init += ["--table", "public.accounts_customer", "--role-prefix", self.role_prefix]
        init += ["--key-file", self.work / "service.key", "--env-file", self.work / "init.env"]
        run(init)
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            for role in ("producer", "reader_detail", "admin"):
                group, login = sql.Identifier(self.role_prefix + role), self.shop_login
                connection.execute(sql.SQL("GRANT {} TO {}").format(group, sql.Identifier(login)))
        create: list[str | Path] = [self.binary, "keys", "create", "--role", "admin"]
        create += ["--name", "browser tests"]
        self.admin_key = run(create, env={"SESPAN_DATABASE_URL": self.url()}).strip()

    def _sespan_environment(self) -> dict[str, str]:
        printed = dict(
            line.split("=", 1) for line in (self.work / "init.env").read_text().splitlines() if line
        )
        return {
            **{
                name: printed[name].strip('"')
                for name in ("SESPAN_DATABASE_URL", "SESPAN_SECRET_KEYS")
            },
            "SESPAN_HTTP_ADDR": f"127.0.0.1:{self.api_port}",
            "SESPAN_ADMIN_ADDR": f"127.0.0.1:{self.admin_port}",
            "SESPAN_SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}?tls=none",
            "SESPAN_MAIL_FROM": "Toko Kopi Sespan <toko@example.com>",
            "SESPAN_JWKS": str(self.work / "checkout.pem.jwks.json"),
            "SESPAN_ALLOWED_ORIGINS": self.shop_url,
            "SESPAN_OTP_LINK": f"{self.shop_url}/account/code/",
            "SESPAN_TIME_ZONE": "Asia/Jakarta",
        }

    def _start_all(self) -> None:
        self.sespan_environment = self._sespan_environment()
        self.shop_environment = self._shop_environment()
        for name in ("inbox", "serve", "shop"):
            self.start_program(name)

    def start_program(self, name: str) -> None:
        """Start `inbox`, `serve` or `shop`, again after a test has stopped it."""
        cwd = None
        match name:
            case "inbox":
                command: list[str | Path] = [self.binary, "inbox"]
                ready = self.inbox.url
                env = {
                    "SESPAN_INBOX_SMTP_ADDR": f"127.0.0.1:{self.smtp_port}",
                    "SESPAN_INBOX_HTTP_ADDR": f"127.0.0.1:{self.inbox_port}",
                }
            case "serve":
                command, env = [self.binary, "serve"], self.sespan_environment
                ready = f"http://127.0.0.1:{self.admin_port}/readyz"
            case _:
                address = f"127.0.0.1:{self.shop_port}"
                command = [sys.executable, "-m", "gunicorn", "shop.wsgi", "--bind", address]
                env, ready, cwd = self.shop_environment, self.shop_url, SHOP
        process = Process.start(name, command, log=self.logs / f"{name}.log", env=env, cwd=cwd)
        self._exits.callback(process.stop)
        self.processes[name] = process
        process.wait_until_ready(ready)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Stop a program for a while."""
        self.processes[name].stop()
        try:
            yield
        finally:
            self.start_program(name)

    @contextmanager
    def shop_on(self, python: Path) -> Iterator[str]:
        """Run a second shop on the same database with another Python, and so another Django."""
        env = {"STATIC_ROOT": str(self.work / "static-next")}
        command: list[str | Path] = [python, "manage.py", "collectstatic", "--no-input"]
        run(command, env={**self.shop_environment, **env}, cwd=SHOP)
        with self._second_shop("shop-next", python, env) as address:
            yield address

    @contextmanager
    def shop_with(self, name: str, settings: str) -> Iterator[str]:
        """Run a second shop on the same database with some other settings."""
        module = self.work / f"{name}.py"
        module.write_text(f"from shop.settings import *\n{settings}")
        path = os.pathsep.join([str(self.work), os.environ.get("PYTHONPATH", "")])
        env = {"DJANGO_SETTINGS_MODULE": name, "PYTHONPATH": path}
        with self._second_shop(name, Path(sys.executable), env) as address:
            yield address

    @contextmanager
    def _second_shop(self, name: str, python: Path, more: dict[str, str]) -> Iterator[str]:
        port = free_port()
        env = {**self.shop_environment, **more}
        command: list[str | Path] = [python, "-m", "gunicorn", "shop.wsgi"]
        command += ["--bind", f"127.0.0.1:{port}"]
        shop = Process.start(name, command, log=self.logs / f"{name}.log", env=env, cwd=SHOP)
        try:
            shop.wait_until_ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            shop.stop()

    def _make_tiers(self) -> None:
        for tier in TIERS:
            body = {
                "name": tier["name"],
                "minimum_transaction": tier["min"],
                "maximum_transaction": tier["max"],
                "probability": tier["probability"],
                "discount": tier["discount"],
                "is_active": True,
            }
            headers = {"Authorization": f"Bearer {self.admin_key}"}
            answer = httpx.post(
                f"{self.api_url}/v1/tiers", json=body, headers=headers, trust_env=False
            )
            if answer.status_code != httpx.codes.CREATED:
                raise RuntimeError(f"tier {tier['name']}: {answer.status_code} {answer.text}")
