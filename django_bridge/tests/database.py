"""PostgreSQL for the tests: the one of SESPAN_TEST_DATABASE_URL, or a private one."""

from __future__ import annotations

import os
import pwd
import random
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

MIGRATIONS = Path(__file__).parents[2] / "sql" / "migrations"
PACKAGED = Path("/usr/lib/postgresql")


def binaries() -> Path:
    """Folder of initdb and pg_ctl: on the PATH, or the newest of Debian's."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(PACKAGED.glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    if not versions:
        raise RuntimeError(
            "No PostgreSQL: set SESPAN_TEST_DATABASE_URL (a superuser's URL), run the tests "
            "through `go run ./internal/devtools/devdb/exec -- pytest …`, or install postgresql."
        )
    return versions[-1].parent


@contextmanager
def private_server() -> Iterator[str]:
    """Run a server in a temporary folder; gives its URL. Works as root, too."""
    bin_dir = binaries()
    with tempfile.TemporaryDirectory(prefix="sespan-bridge-pg-") as name:
        work = Path(name)
        options: dict[str, object] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            nobody = pwd.getpwnam("nobody")
            os.chown(work, nobody.pw_uid, nobody.pw_gid)
            options = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

        def run(*command: object) -> None:
            subprocess.run(
                [str(c) for c in command],
                check=True,
                cwd=work,
                env={**os.environ, "HOME": name},
                stdout=subprocess.DEVNULL,
                **options,
            )

        port = free_port()
        settings = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c fsync=off -c synchronous_commit=off -c full_page_writes=off "
            "-c max_prepared_transactions=10"
        )
        run(bin_dir / "initdb", "-D", work / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8")
        control = (bin_dir / "pg_ctl", "-w", "-D", work / "data", "-l", work / "log")
        run(*control, "-o", settings, "start")
        try:
            yield f"postgres://postgres@127.0.0.1:{port}/postgres"
        finally:
            run(*control, "-m", "immediate", "stop")


# From 32768 on the kernel gives ports to everybody who asks for any; each here is given once.
_PORTS = iter(range(random.randrange(16_384, 28_000), 32_768))


def free_port() -> int:
    """A port that was free a moment ago, and that nobody is given meanwhile."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def schema_sql() -> list[str]:
    """The up part of every migration of Sespan, in order."""
    parts = ["CREATE SCHEMA IF NOT EXISTS sespan"]
    for file in sorted(MIGRATIONS.glob("[0-9]*.sql")):
        up = file.read_text().split("---- create above / drop below ----")[0]
        parts.append(re.sub(r"^---- tern:.*$", "", up, flags=re.MULTILINE))
    return parts


def django_settings(url: str) -> dict[str, object]:
    """The connection's part of a DATABASES entry."""
    parts = urlsplit(url)
    return {
        "NAME": parts.path.lstrip("/"),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
    }
