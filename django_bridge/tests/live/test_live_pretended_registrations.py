"""What one process of the site pretended, every other one goes on with."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from registrants import CODE_URL, LOGIN_URL, OTHER, PASSWORD, REGISTER_URL, RESUME_URL

numbers = itertools.count(1)


def other_worker(stack, posts):
    """What another process answers to each post; its cache is its own, which is the default."""
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    task = {
        "database": {name: connection.settings_dict[name] for name in names},
        "sespan": stack.settings(),
        "posts": posts,
    }
    done = subprocess.run(
        [sys.executable, "-m", "live.worker"],
        input=json.dumps(task),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def form(name, email, password=PASSWORD):
    return {"username": name, "email": email, "password1": password, "password2": password}


@pytest.fixture
def budgets(stack):
    yield
    stack.rows("TRUNCATE sespan.budget, sespan.budget_site")


def test_another_process_knows_what_was_pretended(stack, budgets):
    """Known and unknown alike: the name is taken, the password leads to the code form."""
    seen = {}
    for state in ("unknown", "verified", "banned"):
        number = next(numbers)
        name, email = f"taken{number}", f"owner{number}@example.com"
        if state != "unknown":
            User.objects.create_user(f"old{number}", email, OTHER, is_active=state == "verified")
        assert Client().post(REGISTER_URL, form(name, email)).headers["Location"] == CODE_URL
        answers = other_worker(
            stack,
            [
                (REGISTER_URL, form(name, f"else{number}@example.com")),
                (LOGIN_URL, {"username": name, "password": PASSWORD}),
                (LOGIN_URL, {"username": email.upper(), "password": PASSWORD}),
                (RESUME_URL, {"email": email, "password": PASSWORD}),
                (RESUME_URL, {"email": email, "password": OTHER}),
                (REGISTER_URL, form(name, email)),
                (REGISTER_URL, form(name, email, OTHER)),
            ],
        )
        bare = re.compile(r'value="[^"]*"|\d+')
        seen[state] = [(status, to, bare.sub("", text)) for status, to, text in answers]
    ways = [(status, to) for status, to, _ in seen["unknown"]]
    to_code = (302, CODE_URL)
    assert ways[:6] == [(200, None), to_code, to_code, to_code, (200, None), to_code]
    assert "already exists" in seen["unknown"][0][2]
    assert seen["verified"] == seen["unknown"]
    assert seen["banned"] == seen["unknown"]
