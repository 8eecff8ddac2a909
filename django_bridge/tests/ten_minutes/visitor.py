"""Somebody with a browser and a mailbox."""

from __future__ import annotations

import re

import httpx

from ten_minutes.site import Site

PASSWORD = "correct horse 9"
ARRIVES_WITHIN = 60


class Visitor:
    """Keeps cookies, sends forms with their CSRF token, reads the site's mail."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.http = httpx.Client(base_url=f"http://{site.web}", timeout=30, trust_env=False)
        site.ends.callback(self.http.close)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, path: str, **fields: str) -> httpx.Response:
        page = self.get(path)
        assert page.status_code == 200, (path, page.status_code, page.text[:2000])
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        return self.http.post(path, data=fields | {"csrfmiddlewaretoken": token[1]})

    def mails(self, address: str, count: int = 1) -> list[dict]:
        """Wait until so many mails have arrived; give all, oldest first."""
        found, version = self._list(address)
        while len(found) < count:
            before = version
            found, version = self._list(address, since=version, wait=ARRIVES_WITHIN)
            assert version != before, f"{len(found)} of {count} mails to {address}"
        return [self._inbox(f"/api/messages/{mail['id']}") for mail in sorted(found, key=number)]

    def _list(self, address: str, **waiting: int) -> tuple[list[dict], int]:
        answer = self._inbox("/api/messages", to=address, **waiting)
        return answer["messages"], answer["version"]

    def _inbox(self, path: str, **query: object) -> dict:
        answer = httpx.get(
            f"http://{self.site.inbox}{path}", params=query, timeout=90, trust_env=False
        )
        return answer.raise_for_status().json()

    def register(self, name: str) -> None:
        """Fill in the registration form; the code page follows."""
        fields = {"username": name, "email": f"{name}@example.com"}
        answer = self.post("/account/register/", **fields, password1=PASSWORD, password2=PASSWORD)
        assert answer.headers.get("Location") == "/account/code/", answer.text

    def enter_code(self, name: str) -> None:
        """Take the code out of the newest mail and type it."""
        answer = self.post("/account/code/", code=code_in(self.mails(f"{name}@example.com")[-1]))
        assert answer.headers.get("Location") in {"/", "/admin/"}, answer.text

    def is_logged_in(self) -> bool:
        """The registration page sends those on who are."""
        return self.get("/account/register/").status_code == 302


def number(mail: dict) -> int:
    return mail["id"]


def code_in(mail: dict) -> str:
    return re.search(r"^\s*(\d{6})\s*$", mail["text"], re.MULTILINE)[1]
