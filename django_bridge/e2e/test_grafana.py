"""Grafana behind the shop's login: `grafana/nginx.conf` in a real nginx. Grafana is a stub."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
import pytest

from grafana_door import TIMEOUT, Door, Request, door

if TYPE_CHECKING:
    import httpx

    from stack import Stack

PASSWORD = "kopi-luwak-91"  # noqa: S105  (a test's)
HEADER = "X-JWT-Assertion"
PAGE = "/grafana/d/sespan-overview?from=now-1h&to=now"


@pytest.fixture(scope="module")
def nginx(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(stack, tmp_path_factory.mktemp("nginx")) as found:
        yield found


@pytest.fixture(autouse=True)
def _fresh(nginx: Door) -> None:
    nginx.grafana.requests.clear()


@pytest.fixture(scope="module")
def dewi(stack: Stack, nginx: Door) -> Iterator[httpx.Client]:
    """Somebody of the group, logged in."""
    email = stack.person("dewi_grafana", PASSWORD, "Sespan dashboard")
    with nginx.log_in(email, PASSWORD) as browser:
        yield browser


def claims(stack: Stack, request: Request) -> dict[str, Any]:
    """Read the one token of a request, as Grafana does."""
    (token,) = request.headers.get_all(HEADER, [])
    (key,) = json.loads((stack.work / "checkout.pem.jwks.json").read_text())["keys"]
    public = jwt.PyJWK(key).key
    read: dict[str, Any] = jwt.decode(
        token, public, algorithms=["EdDSA"], audience="sespan-grafana", issuer="django_sespan"
    )
    return read


def test_somebody_of_the_group_comes_in(nginx: Door, stack: Stack, dewi: httpx.Client) -> None:
    answer = dewi.get(PAGE)
    assert (answer.status_code, answer.text, HEADER in answer.headers) == (200, "grafana", False)
    (came,) = nginx.came
    assert came.path == PAGE
    assert came.headers["Host"] == urlsplit(nginx.url).netloc
    found = claims(stack, came)
    assert (found["name"], found["roles"]) == ("dewi_grafana@example.com", ["dashboard"])
    assert "Cookie" not in came.headers


def test_what_the_client_sends_itself_is_stripped(
    nginx: Door, stack: Stack, dewi: httpx.Client
) -> None:
    """Two of them, other spellings, and other ways into a Grafana."""
    own = [(HEADER, "a.b.c"), (HEADER.lower(), "d.e.f"), ("X_JWT_Assertion", "g.h.i")]
    own += [("Authorization", "Bearer glsa_x"), ("X-WEBAUTH-USER", "admin")]
    own += [("X-Forwarded-For", "203.0.113.9")]
    for address in (PAGE, "/grafana/public/build/app.js"):
        assert dewi.get(address, headers=own).status_code == 200
    page, script = nginx.came
    assert claims(stack, page)["sub"].startswith("sespan:")
    assert page.headers["X-Forwarded-For"] == "127.0.0.1"
    assert script.headers.get(HEADER) is None
    for request in (page, script):
        for name in ("X_JWT_Assertion", "Authorization", "X-WEBAUTH-USER", "Cookie"):
            assert name not in request.headers, name


def test_a_body_goes_to_grafana_alone(nginx: Door, stack: Stack, dewi: httpx.Client) -> None:
    query = b'{"queries": []}' * 5000
    assert dewi.post("/grafana/api/ds/query", content=query).status_code == 200
    (came,) = nginx.came
    assert (came.method, came.body) == ("POST", query)
    claims(stack, came)


@pytest.mark.parametrize("forged", [{}, {HEADER: "a.b.c"}, {"Cookie": "toko_session=abc"}])
def test_strangers_are_led_to_the_login(nginx: Door, forged: dict[str, str]) -> None:
    with nginx.browser() as browser:
        answer = browser.get(PAGE, headers=forged)
        assert answer.status_code == 302
        login = urlsplit(answer.headers["Location"])
        assert (login.path, login.query) == ("/account/login/", "next=/grafana/d/sespan-overview")
        for address in ("/grafana/api/search", "/grafana/apis/x"):
            assert browser.get(address, headers=forged).status_code == 401
    assert nginx.came == []


def test_the_way_back_stays_on_the_site(nginx: Door) -> None:
    for path in (
        "//evil.example/../grafana/",
        "/grafana/%0d%0aSet-Cookie:x=1",
        "/grafana/?a&next=//e",
    ):
        location = raw(nginx, path).headers["Location"]
        assert urlsplit(location).query.startswith("next=/grafana/"), location
        assert "Set-Cookie" not in location.replace("%0d%0aSet-Cookie", "")
        assert "&" not in location


def raw(nginx: Door, path: str) -> http.client.HTTPResponse:
    """Ask for a path as it is."""
    connection = http.client.HTTPConnection(urlsplit(nginx.url).netloc, timeout=TIMEOUT)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize("up", ["..", "%2e%2e", "..%2f..", "build/../.."])
def test_no_way_leads_round_the_question(nginx: Door, up: str) -> None:
    """What lies open is Grafana's own scripts."""
    assert raw(nginx, f"/grafana/public/{up}/api/search").status in {
        302,
        401,
        404,
    }  # 404: the shop's
    assert raw(nginx, "/grafana/public/build/app.js").status == 200
    (script,) = nginx.came
    assert script.path == "/grafana/public/build/app.js"


@pytest.mark.parametrize("groups", [[], ["Sespan report"]])
def test_without_the_role_nobody_comes_in(nginx: Door, stack: Stack, groups: list[str]) -> None:
    email = stack.person(f"budi_grafana{len(groups)}", PASSWORD, *groups)
    with nginx.log_in(email, PASSWORD) as browser:
        for address in (PAGE, "/grafana/api/search"):
            assert browser.get(address).status_code == 403
    assert nginx.came == []


def test_an_admin_is_one(nginx: Door, stack: Stack) -> None:
    email = stack.person("rini_grafana", PASSWORD, "Sespan admin")
    with nginx.log_in(email, PASSWORD) as browser:
        assert browser.get(PAGE).status_code == 200
    assert "admin" in claims(stack, nginx.came[0])["roles"]


def test_a_session_that_has_ended(nginx: Door, stack: Stack) -> None:
    email = stack.person("tuti_grafana", PASSWORD, "Sespan dashboard")
    with nginx.log_in(email, PASSWORD) as browser:
        assert browser.get(PAGE).status_code == 200
        session = browser.cookies["toko_session"]
        stack.execute(
            "UPDATE django_session SET expire_date = now() - interval '1 second'"
            " WHERE session_key = %s",
            session,
        )
        nginx.grafana.requests.clear()
        assert browser.get(PAGE).status_code == 302
        assert browser.get("/grafana/api/search").status_code == 401
    assert nginx.came == []


def test_the_token_stays_inside(nginx: Door, stack: Stack, dewi: httpx.Client) -> None:
    """The browser gets it from nowhere, and nobody writes it down."""
    assert dewi.get("/sespan-grafana-token").status_code == 404
    answer = dewi.get("/account/grafana-token/")
    assert (answer.status_code, HEADER in answer.headers) == (204, False)
    dewi.get(PAGE)
    (came,) = nginx.came
    signature = came.headers[HEADER].rsplit(".", 1)[-1]
    shop = stack.processes["shop"].log.read_text()
    assert "/account/grafana-token/" in nginx.logs()
    assert signature not in nginx.logs() + shop


def test_grafana_live(nginx: Door, stack: Stack, dewi: httpx.Client) -> None:
    """A WebSocket is upgraded, with the token, and stays open in both directions."""
    host = urlsplit(nginx.url).netloc
    lines = [
        "GET /grafana/api/live/ws HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"{HEADER}: a.b.c",
        f"Cookie: toko_session={dewi.cookies['toko_session']}",
    ]
    address = (urlsplit(nginx.url).hostname, urlsplit(nginx.url).port)
    with socket.create_connection(address, timeout=TIMEOUT) as line:
        line.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        with line.makefile("rb") as answer:
            assert answer.readline().split()[1] == b"101"
            while answer.readline().strip():
                pass
            for said in (b"one\n", b"two\n"):
                line.sendall(said)
                assert answer.readline() == said
    (came,) = nginx.came
    claims(stack, came)
    assert (came.headers["Connection"], came.headers["Upgrade"]) == ("upgrade", "websocket")


def test_without_the_site_nobody_comes_in(nginx: Door, stack: Stack, dewi: httpx.Client) -> None:
    with stack.without("shop"):
        assert dewi.get(PAGE).status_code == 500
        assert dewi.get("/grafana/api/search").status_code == 500
    assert nginx.came == []
    assert dewi.get(PAGE).status_code == 200
