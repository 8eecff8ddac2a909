"""Under a root logger at DEBUG the site's log is not the HTTP client's."""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from django_sespan import errors
from django_sespan._internal.transport import Transport


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status = 500 if self.path == "/broken" else 200
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def lines(caplog):
    return [r.getMessage() for r in caplog.records if r.name.startswith(("httpx", "httpcore"))]


def test_our_calls_are_not_in_it(address, caplog):
    caplog.set_level(logging.DEBUG)
    transport = Transport(address, "key")
    assert transport.call("GET", "/").status == 200
    with pytest.raises(errors.SespanInvalidResponse):
        transport.call("GET", "/broken")
    with pytest.raises(errors.SespanError):
        transport.download("/")
    transport.close()
    assert lines(caplog) == []


def test_those_of_the_site_are(address, caplog):
    caplog.set_level(logging.DEBUG)
    Transport(address, "key").call("GET", "/")
    with httpx.Client(trust_env=False) as client:
        client.get(address)
    assert any("HTTP Request: GET" in line for line in lines(caplog))
    assert len(lines(caplog)) > 5
