"""A site in a folder of its own, with a database of its own, and the commands run there."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg import sql

from database import free_port

READY_WITHIN = 60.0


class Site:
    """The folder beside manage.py; `run` and `start` take command lines of the handbook."""

    def __init__(
        self, folder: Path, environment: Path, binary: Path, wheel: Path, url: str
    ) -> None:
        self.folder, self.superuser_url = folder, url
        self.name = f"ten_{secrets.token_hex(4)}"
        self.password = secrets.token_hex(12)
        self.web, self.api, self.admin, self.smtp, self.inbox = (
            f"127.0.0.1:{free_port()}" for _ in range(5)
        )
        self.ends = ExitStack()
        self.running: list[subprocess.Popen[bytes]] = []
        tools = folder / ".tools"
        tools.mkdir(parents=True)
        (tools / "sespan").symlink_to(binary)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SESPAN", "DJANGO", "PY"))}
        self.environ = kept | {
            "PATH": f"{environment / 'bin'}:{tools}:{os.environ['PATH']}",
            "PYTHONWARNINGS": "error::DeprecationWarning:django_sespan",
            # Ports and roles are shared with whatever else runs on this machine.
            "SESPAN_ROLE_PREFIX": f"{self.name}_",
            "SESPAN_ADMIN_ADDR": self.admin,
            "SESPAN_HTTP_ADDR": self.api,
            "SESPAN_INBOX_SMTP_ADDR": self.smtp,
            "SESPAN_INBOX_HTTP_ADDR": self.inbox,
        }
        self.words = {
            "postgres://postgres:secret@127.0.0.1:5432/shop": self.database_url(),
            "--site-login shop": f"--site-login {self.name}",
            "/opt/sespan/django_bridge": str(wheel),
            "127.0.0.1:8080": self.api,
            "127.0.0.1:1025": self.smtp,
            "127.0.0.1:8025": self.inbox,
            "127.0.0.1:8000": self.web,
            "runserver 8000": f"runserver {self.web}",
        }

    def __enter__(self) -> Site:
        login = sql.Identifier(self.name)
        with psycopg.connect(self.superuser_url, autocommit=True) as server:
            create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            server.execute(create.format(login, sql.Literal(self.password)))
            server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(login, login))
        self.ends.callback(self._drop)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop_all()
        self.ends.close()

    def stop_all(self) -> None:
        """End what was started, the last first."""
        while self.running:
            stop(self.running.pop())

    def database_url(self) -> str:
        parts = urlsplit(self.superuser_url)
        return urlunsplit(
            parts._replace(path=f"/{self.name}", query=parts.query or "sslmode=disable")
        )

    def databases(self) -> str:
        """The site's own DATABASES."""
        parts = urlsplit(self.superuser_url)
        entry = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.name,
            "USER": self.name,
            "PASSWORD": self.password,
            "HOST": parts.hostname,
            "PORT": parts.port,
        }
        return f"DATABASES = {{'default': {entry!r}}}\n"

    def adapted(self, text: str) -> str:
        """The handbook's text with this site's names in the place of the example's."""
        for word, ours in self.words.items():
            text = text.replace(word, ours)
        return text

    def append(self, file: str, text: str) -> None:
        with (self.folder / file).open("a") as out:
            out.write("\n" + self.adapted(text))

    def run(self, command: str, *, code: int = 0, typed: str = "") -> str:
        """Run it to its end; give what it printed."""
        done = subprocess.run(
            ["bash", "-euc", self.adapted(command)],
            cwd=self.folder,
            env=self.environ,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"$ {command}\n{done.stdout}"
        return done.stdout

    def start(self, command: str, answers: str) -> subprocess.Popen[bytes]:
        """Start what ends in ` &` and wait until its page answers."""
        log = (self.folder / "services.log").open("ab")
        self.ends.callback(log.close)
        process = subprocess.Popen(
            ["bash", "-euc", "exec " + self.adapted(command).removesuffix(" &")],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.running.append(process)
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end and process.poll() is None:
            try:
                if httpx.get(answers, timeout=5, trust_env=False).status_code < 500:
                    return process
            except httpx.HTTPError:
                pass
            time.sleep(0.05)  # another program: it sends no signal
        raise AssertionError(f"$ {command}\n{(self.folder / 'services.log').read_text()[-4000:]}")

    def rows(self, query: str, *values: object) -> list[tuple]:
        """Look into the database as its superuser."""
        with psycopg.connect(self.database_url(), autocommit=True) as other:
            cursor = other.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def _drop(self) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as server:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            server.execute(drop.format(sql.Identifier(self.name)))
            found = "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)"
            for (role,) in server.execute(found, [self.name]).fetchall():
                server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it and its children: runserver has one."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
