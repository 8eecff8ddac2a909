"""Login reports: told in the background, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.test import Client as Browser

from django_sespan._internal.login_queue import LoginQueue
from django_sespan._internal.runtime import override
from fake import problem


def login(password="right password 1", **headers):
    return Browser().post(
        "/login/", {"username": "budi", "password": password}, headers=headers or None
    )


@pytest.fixture
def user(db):
    return User.objects.create_user("budi", "budi@example.com", "right password 1")


def test_success_and_failure(user, sespan, runtime):
    assert login(**{"user-agent": "Browser/1 \x00x"}).status_code == 302
    assert login("wrong").status_code == 200
    assert runtime.login_queue.drain(30)
    success, failure = sespan.logins
    assert success == {
        "customer_id": str(user.pk),
        "customer_table": "public.auth_user",
        "username": "budi",
        "outcome": "success",
        "ip": "127.0.0.1",
        "user_agent": "Browser/1 x",
    }
    assert failure == {"username": "budi", "outcome": "failure", "ip": "127.0.0.1"}


def forwarded(request):
    return request.headers["X-Real-Ip"]


def test_the_visitors_address_is_checked(rf, settings):
    from django_sespan.client_ip import client_ip

    settings.SESPAN = {**settings.SESPAN, "CLIENT_IP": "test_logins.forwarded"}
    for value, expected in (
        ("203.0.113.9", "203.0.113.9"),
        (" 2001:DB8::1 ", "2001:db8::1"),
        ("nonsense", None),
        ("", None),
        ("203.0.113.9, 10.0.0.1", None),
    ):
        assert client_ip(rf.get("/", headers={"x-real-ip": value})) == expected
    assert client_ip(rf.get("/")) is None, "the site's callable raised"
    assert client_ip(None) is None


@pytest.mark.parametrize("what", ["down", "wrong key", "a bug"])
def test_a_login_never_fails(user, sespan, runtime, what):
    failure = {
        "down": problem(503, "unavailable"),
        "wrong key": problem(401, "unauthorized"),
        "a bug": RuntimeError("boom"),
    }[what]
    sespan.fail = [failure] * 20
    queue = LoginQueue(lambda: runtime.client, retry_seconds=0.001)
    with override(login_queue=queue):
        assert login().status_code == 302
        assert queue.drain(30)
    assert (queue.sent, queue.dropped) == (0, 1)


def test_a_short_outage_loses_nothing(user, sespan, runtime):
    sespan.fail = [problem(503, "unavailable")] * 3
    queue = LoginQueue(lambda: runtime.client, retry_seconds=0.001)
    with override(login_queue=queue):
        login()
        assert queue.drain(30)
    assert (queue.sent, len(sespan.logins)) == (1, 1)


class Stuck:
    """A service that does not answer until it is released."""

    def __init__(self):
        self.release = threading.Event()
        self.taken = threading.Event()
        self.reports = []

    def login(self, report):
        self.taken.set()
        self.release.wait(60)
        self.reports.append(report)


def test_a_full_queue_drops_and_counts(caplog):
    stuck = Stuck()
    reports = LoginQueue(lambda: stuck, capacity=3)
    reports.put({"n": 0})
    assert stuck.taken.wait(30)
    started = time.monotonic()
    for n in range(1, 10):
        reports.put({"n": n})
    assert time.monotonic() - started < 10, "a login waited for the service"
    assert reports.dropped == 6
    assert "6 dropped" in caplog.text
    stuck.release.set()
    assert reports.drain(30)
    assert [r["n"] for r in stuck.reports] == [0, 1, 2, 3]


def test_draining_is_bounded():
    stuck = Stuck()
    reports = LoginQueue(lambda: stuck)
    reports.put({})
    assert stuck.taken.wait(30)
    started = time.monotonic()
    assert not reports.drain(0.1)
    assert time.monotonic() - started < 10
    assert reports.dropped == 1
    stuck.release.set()


def test_a_request_of_none(user, sespan, runtime):
    user_logged_in.send(sender=User, request=None, user=user)
    assert runtime.login_queue.drain(30)
    assert "ip" not in sespan.logins[0]


def test_disabled(user, sespan, runtime, settings):
    settings.SESPAN = {**settings.SESPAN, "ENABLED": False}
    login()
    assert runtime.login_queue.drain(30)
    assert sespan.logins == []


SCRIPT = """
import os, sys, django
django.setup()
from django.contrib.auth.models import User
from django_sespan._internal.login_reports import on_login
from django_sespan._internal.runtime import override, runtime

class Reporter:
    def login(self, body):
        main = os.getpid() == int(os.environ["MAIN"])
        os.write(1, f"{sys.argv[1]} {main} {body['username']}\\n".encode())

override(client=Reporter()).enable()
os.environ["MAIN"] = str(os.getpid())
on_login(None, None, User(pk=1, username="parent"))
assert runtime.login_queue.drain(30)
if sys.argv[1] == "fork":
    pid = os.fork()
    if pid == 0:
        override(client=Reporter()).enable()
        assert runtime._login_queue is None, "the child took the parent's thread over"
        on_login(None, None, User(pk=1, username="child"))
        sys.exit(0)
    os.waitpid(pid, 0)
else:
    on_login(None, None, User(pk=1, username="at the end"))
"""


@pytest.mark.parametrize(
    ("mode", "last"), [("fork", "fork False child"), ("exit", "exit True at the end")]
)
def test_fork_and_exit(mode, last):
    """A child makes its own thread, and a process that ends sends what it still has."""
    tests = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), mode],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": f"{tests}:{tests.parent / 'src'}",
            "DJANGO_SETTINGS_MODULE": "site_project.settings",
        },
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{mode} True parent", last]
