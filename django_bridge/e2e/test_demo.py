"""`make demo` as a newcomer runs it: from nothing, stopped by Ctrl-C, and started again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conftest import binary
from processes import free_port, run
from stack import ROOT

FIRST_START, SECOND_START, STOP = 300.0, 60.0, 40.0
SCRAPED_WITHIN = 60.0  # a target is scraped every 15 seconds


def demo_binary() -> Path:
    """Build the demonstration."""
    target = ROOT / "bin" / "sespan-demo"
    run(["go", "build", "-o", target, "./cmd/sespan-demo"], cwd=ROOT)
    return target


class Demo:
    """One run of the command."""

    def __init__(self, folder: Path, port: int, log: Path, *more: str) -> None:
        command = [demo_binary(), "--sespan", binary(), "--dir", folder, "--port", str(port), *more]
        # Names that only the tests' own servers should hear of.
        env = {k: v for k, v in os.environ.items() if not k.startswith("SESPAN_")}
        self.log = log
        with log.open("wb") as out:
            self.popen = subprocess.Popen(
                [str(part) for part in command], cwd=ROOT, env=env, stdout=out, stderr=out
            )

    def text(self) -> str:
        return self.log.read_text()

    def wait(self, seconds: float) -> None:
        limit = time.monotonic() + seconds
        while "Sespan runs." not in self.text():
            assert self.popen.poll() is None, self.text()
            assert time.monotonic() < limit, self.text()
            time.sleep(0.2)

    def address(self, name: str) -> str:
        found = re.search(rf"^  {name} +(http\S+)", self.text(), re.MULTILINE)
        assert found, self.text()
        return found[1]

    def stop(self) -> int:
        self.popen.send_signal(signal.SIGINT)
        return self.popen.wait(STOP)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the database's own user can reach too, when root runs the tests."""
    base = Path(tempfile.mkdtemp(prefix="sespan-demo-", dir="/var/tmp"))
    base.chmod(0o755)
    yield base / "data"
    shutil.rmtree(base)


def running_below(folder: Path) -> list[str]:
    """Programs whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        if str(folder) in line and entry.name != str(os.getpid()):
            found.append(line)
    return found


ROLES = {"viewer": "Dashboard", "bookkeeper": "Reports", "manager": "People"}


def roles_open_their_pages(demo: Demo) -> None:
    """Each printed login opens its page, filled with the history, and not the others'."""
    for who, own in ROLES.items():
        login = re.search(rf"({who}@example.com) / (\S+)", demo.text())
        assert login, demo.text()
        with httpx.Client(base_url=demo.address("Shop"), timeout=60, follow_redirects=True) as shop:
            page = shop.get("account/login/").text
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
            assert token, page
            form = {"csrfmiddlewaretoken": token[1], "username": login[1], "password": login[2]}
            assert shop.post("account/login/", data=form).status_code == 200
            opened = {name: shop.get(demo.address(name)) for name in ROLES.values()}
            admin = who == "manager"
            assert {name for name, answer in opened.items() if answer.status_code == 200} - (
                {"People"} if not admin else set()  # the administration's login page
            ) == (set(ROLES.values()) if admin else {own})
            if who == "viewer":
                assert "Full sidecar" in opened["Dashboard"].text
            if who == "bookkeeper":
                file = shop.get("account/reports/transactions.csv")
                assert file.status_code == 200, file.text
                assert file.content.startswith(b"\xef\xbb\xbfentry,")
                assert "DEMO-" in file.text


def numbers_agree_with_the_rows(demo: Demo) -> None:
    """The history went through the tables, so that each count of it has its rows."""
    url = re.search(r"psql '(\S+)'", demo.text())
    assert url, demo.text()
    env = {**os.environ, "SESPAN_DATABASE_URL": url[1]}
    check = [str(binary()), "stats", "check"]
    done = subprocess.run(check, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def prometheus_scrapes_and_has_rules(demo: Demo) -> None:
    """It reaches the service, and the rules that ship are loaded and work."""
    api = httpx.URL(demo.address("Alerts")).join("/api/v1/")
    with httpx.Client(base_url=api, timeout=30) as prometheus:
        limit = time.monotonic() + SCRAPED_WITHIN
        while True:
            targets = prometheus.get("targets").json()["data"]["activeTargets"]
            groups = prometheus.get("rules").json()["data"]["groups"]
            # The slowest rules are worked out every five minutes: theirs is unknown until then.
            rules = {rule["health"] for group in groups for rule in group["rules"]} - {"unknown"}
            if {target["health"] for target in targets} == {"up"} and rules == {"ok"}:
                break
            assert time.monotonic() < limit, (targets, rules)
            time.sleep(0.5)
    assert [target["scrapeUrl"] for target in targets] == [demo.address("Metrics")]
    shipped = {path.name for path in (ROOT / "grafana" / "prometheus").glob("*.rules.yml")}
    assert {Path(group["file"]).name for group in groups} == shipped


def test_demo_from_nothing_and_again(folder: Path, tmp_path: Path) -> None:
    port = free_port()
    first = Demo(folder, port, tmp_path / "first.log", "--monitoring")
    try:
        first.wait(FIRST_START)
        assert first.address("Shop") == f"http://127.0.0.1:{port}/"
        for name in ("Shop", "Mails", "Staff", "API"):
            answer = httpx.get(first.address(name), follow_redirects=True, timeout=60)
            assert answer.status_code == 200, name
        roles_open_their_pages(first)
        numbers_agree_with_the_rows(first)
        prometheus_scrapes_and_has_rules(first)
        assert "What to click" in first.text()
        password = re.search(r"admin@example.com / (\S+)", first.text())
        assert password
    finally:
        code = first.stop()
    assert code == 0, first.text()
    assert running_below(folder) == []

    # The second start keeps the data and is fast; a busy port is replaced, and said so.
    with socket.create_server(("127.0.0.1", port)):
        began = time.monotonic()
        second = Demo(folder, port, tmp_path / "second.log")
        try:
            second.wait(SECOND_START)
            took = time.monotonic() - began
            assert f"port {port} is busy" in second.text()
            assert second.address("Shop") != f"http://127.0.0.1:{port}/"
            assert f"admin@example.com / {password[1]}" in second.text()
            assert httpx.get(second.address("Shop"), timeout=60).status_code == 200
        finally:
            code = second.stop()
    assert code == 0, second.text()
    assert took < SECOND_START / 2, second.text()
    assert running_below(folder) == []


def test_demo_outside_a_checkout_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(demo_binary()), "--sespan", str(binary())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "run the demo in a checkout of Sespan" in done.stderr
