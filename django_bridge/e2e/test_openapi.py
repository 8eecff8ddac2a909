"""The running service against its own OpenAPI document, as everybody who may call it.

Schemathesis makes valid and invalid requests from the document, sends them, and compares the
answers with what the document promises. schemathesis.toml names the checks left out and why.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest

from processes import run
from stack import ROOT

if TYPE_CHECKING:
    from stack import Stack

CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS = 300  # to hang no longer; a calm machine needs half a minute
# The customer, the order and the amount of the examples in the document.
CUSTOMER, ORDER, AMOUNT = 42, "A-1001", "150000.00"
# How many requests to make of each operation beyond the fixed ones: those who may do something
# get more.
CALLERS = {
    "service": 20,
    "admin": 20,
    "report": 5,
    "dashboard": 5,
    "customer": 10,
    "staff": 10,
    "nobody": 5,
}


@pytest.fixture(scope="module")
def site(stack: Stack) -> Iterator[Stack]:
    """Give the examples' customer, and put the tiers back in the end."""
    stack.execute(
        "INSERT INTO public.accounts_customer (id, password, is_superuser, is_staff, is_active,"
        " username, email, phone_number, date_joined, updated_at)"
        " VALUES (%s, '!', false, false, true, 'openapi', 'openapi@example.com', '', now(), now())"
        " ON CONFLICT DO NOTHING",
        CUSTOMER,
    )
    before = tiers(stack, "GET")
    yield stack
    stack.execute("DELETE FROM public.accounts_customer WHERE email = 'openapi@example.com'")
    made_here = {"tier_id", "created_at", "updated_at"}
    kept = [{k: v for k, v in tier.items() if k not in made_here} for tier in before]
    assert len(tiers(stack, "PUT", {"tiers": kept})) == len(before)


def tiers(
    stack: Stack, method: str, body: dict[str, object] | None = None
) -> list[dict[str, object]]:
    """Read the tiers, or replace them all."""
    headers = {"Authorization": f"Bearer {stack.admin_key}"}
    answer = httpx.request(
        method, f"{stack.api_url}/v1/tiers", json=body, headers=headers, trust_env=False
    )
    found: list[dict[str, object]] = answer.raise_for_status().json()["tiers"]
    return found


def credential(stack: Stack, caller: str) -> list[str]:
    """Return the arguments that send the caller's key or token."""
    match caller:
        case "nobody":
            return []
        case "customer":
            order = {"sub": str(CUSTOMER), "order_ref": ORDER, "amount": AMOUNT}
            secret = token(stack.work / "checkout.pem", order)
        case "staff":
            # A report person has own keys only: an admin would end those of the other tests.
            person = {"sub": "1", "name": "openapi", "scope": "staff", "roles": ["report"]}
            secret = token(stack.work / "checkout.pem", person)
        case _:
            create: list[str | Path] = [
                stack.binary,
                "keys",
                "create",
                "--role",
                caller,
                "--name",
                "openapi",
            ]
            secret = run(create, env={"SESPAN_DATABASE_URL": stack.url()}).strip()
    return ["-H", f"Authorization: Bearer {secret}"]


def token(signing_key: Path, claims: Mapping[str, object]) -> str:
    keys = json.loads(Path(f"{signing_key}.jwks.json").read_text())["keys"]
    now = int(time.time())
    claims = {"aud": "sespan", "iat": now, "exp": now + 600, **claims}
    header = {"kid": keys[0]["kid"]}
    return jwt.encode(claims, signing_key.read_bytes(), algorithm="EdDSA", headers=header)


@pytest.mark.parametrize("caller", CALLERS)
def test_answers_are_as_documented(site: Stack, caller: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
    command += [f"{site.api_url}/openapi.json", *credential(site, caller)]
    command += ["--max-examples", str(CALLERS[caller]), "--generation-deterministic", "--no-color"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Not over HTTP: whoever called without a key has met the throttle by now.
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    operations = sum(len(path) for path in document["paths"].values())
    assert f"{operations} selected / {operations} total" in done.stdout


def test_nothing_in_the_log_of_the_service_is_an_error(site: Stack) -> None:
    """Runs last: no request has made a handler fail or panic."""
    log = site.processes["serve"].log.read_text(errors="replace")
    assert [line for line in log.splitlines() if "level=ERROR" in line] == []
