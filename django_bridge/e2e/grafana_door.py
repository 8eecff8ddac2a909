"""nginx with `grafana/nginx.conf` before the shop, and a Grafana that writes down what it gets."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from processes import Process, free_port
from stack import ROOT, Stack

NGINX = "/usr/sbin/nginx"
CONF = ROOT / "grafana" / "nginx.conf"
TIMEOUT = 30.0

# What a distribution's nginx.conf has around it; everything it writes goes into one folder.
AROUND = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log stderr info;
events {{ }}
http {{
    access_log {work}/access.log;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    include {work}/shop.conf;
}}
"""


@dataclass
class Request:
    """What reached Grafana."""

    method: str
    path: str
    headers: Message
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StubGrafana

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(Request(self.command, self.path, self.headers, body))
        if self.headers.get("Upgrade") == "websocket":
            self._live()
            return
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"grafana")

    def _live(self) -> None:
        """Speak no WebSocket, but keep the line open and say everything again."""
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        self.close_connection = True
        while line := self.rfile.readline():
            self.wfile.write(line)

    do_GET = do_POST = _answer  # noqa: N815  (the names of http.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class StubGrafana(ThreadingHTTPServer):
    """Answers everything; `requests` is what came."""

    daemon_threads = True

    def __init__(self) -> None:
        self.requests: list[Request] = []
        super().__init__(("127.0.0.1", 0), _Handler)


@dataclass
class Door:
    """nginx, and what stands behind it."""

    url: str
    grafana: StubGrafana
    work: Path
    process: Process = field(repr=False)

    @property
    def came(self) -> list[Request]:
        """Return what has reached Grafana since the last look."""
        came, self.grafana.requests[:] = list(self.grafana.requests), []
        return came

    @contextmanager
    def log_in(self, email: str, password: str) -> Iterator[httpx.Client]:
        """Give a browser of somebody who was led to the shop's login and back."""
        with self.browser() as browser:
            page = browser.get("/grafana/", follow_redirects=True)
            found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            if not found:
                raise RuntimeError(f"no form: {page.text}")
            form = {"csrfmiddlewaretoken": found[1], "username": email, "password": password}
            answer = browser.post(page.url, data=form)
            if answer.headers.get("Location") != "/grafana/":
                raise RuntimeError(f"not led back: {answer.text}")
            yield browser

    def browser(self) -> httpx.Client:
        """Return one of a stranger."""
        return httpx.Client(base_url=self.url, timeout=TIMEOUT, trust_env=False)

    def logs(self) -> str:
        """Return all that nginx wrote."""
        return (self.work / "access.log").read_text() + self.process.log.read_text()


@contextmanager
def door(stack: Stack, work: Path) -> Iterator[Door]:
    """Start both, with the ports of this run in the places of the example's."""
    grafana, port = StubGrafana(), free_port()
    text = CONF.read_text()
    for example, here in {
        "127.0.0.1:8000": f"127.0.0.1:{stack.shop_port}",
        "127.0.0.1:3000": f"127.0.0.1:{grafana.server_port}",
        "127.0.0.1:8081": f"127.0.0.1:{port}",
    }.items():
        if text.count(example) != 1:
            raise RuntimeError(f"{CONF} does not name {example} once")
        text = text.replace(example, here)
    (work / "shop.conf").write_text(text)
    (work / "nginx.conf").write_text(AROUND.format(work=work))
    thread = threading.Thread(target=grafana.serve_forever)
    thread.start()
    command: list[str | Path] = [NGINX, "-c", work / "nginx.conf", "-e", "stderr"]
    nginx = Process.start("nginx", command, log=work / "nginx.log", env={})
    try:
        nginx.wait_until_ready(f"http://127.0.0.1:{port}")
        yield Door(f"http://127.0.0.1:{port}", grafana, work, nginx)
    finally:
        nginx.stop()
        grafana.shutdown()
        thread.join()
        grafana.server_close()
