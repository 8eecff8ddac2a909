"""What stands where: the public names, the private rest, and imports that go one way."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
APP = SOURCE / "django_sespan"

PUBLIC = {
    "adapter": ["Adapter", "get_adapter"],
    "checkout": ["Draw", "connect_src", "price", "token", "try_price"],
    "client": ["Challenge", "ChallengeStatus", "Client", "Draw", "Verified", "get_client"],
    "errors": ["SespanError", "SespanInvalidResponse", "SespanUnavailable", "InsideTransaction"],
    "forms": ["AuthenticationForm", "CodeForm", "PasswordResetMixin", "RegisterForm"],
    "known_browser": ["is_known", "remember"],
    "login_code": ["begin"],
    "mail": ["EmailBackend", "OutsideTransaction"],
    "middleware": ["AuditMiddleware"],
    "registration": ["begin"],
    "signals": [
        "code_sent",
        "customer_registered",
        "email_verified",
        "mail_dead",
        "mail_failed",
        "mail_sent",
        "transaction_drawn",
    ],
    "testing": ["FakeClient", "SespanTestMixin", "SespanTesting", "active", "current", "override"],
    "views": [
        "CheckoutTokenView",
        "CodeView",
        "LoginCodeView",
        "LoginView",
        "RegisterView",
        "ResendView",
        "StaffView",
    ],
}
"""Modules that a site's code imports, and what from them."""

LOADED_BY_NAME = {
    "admin",
    "aio",
    "apps",
    "checks",
    "client_ip",
    "conf",
    "locale",
    "management",
    "migrations",
    "models",
    "pytest_plugin",
    "static",
    "templates",
    "templatetags",
    "urls",
}
"""What Django, pytest or the documentation loads by its name."""


@pytest.mark.parametrize(("module", "names"), PUBLIC.items(), ids=PUBLIC)
def test_public_names_are_importable(module, names):
    found = import_module(f"django_sespan.{module}")
    assert [name for name in names if not hasattr(found, name)] == []


def test_everything_else_is_internal():
    entries = {path.stem for path in APP.iterdir()} - {"__init__", "__pycache__", "py"}
    assert entries == {*PUBLIC, *LOADED_BY_NAME, "_internal"}


def shown_to_sites():
    yield from (ROOT.parent / "docs").glob("*.md")
    yield from (ROOT.parent / "README.md", ROOT / "README.md")
    for folder in (ROOT / "example", APP / "templates"):
        yield from (p for p in folder.rglob("*") if p.suffix in {".py", ".html", ".toml", ".md"})


def test_no_site_is_shown_an_internal_name():
    assert [
        path for path in shown_to_sites() if "django_sespan._internal" in path.read_text()
    ] == []


def modules():
    """Give each module's name and file."""
    for path in APP.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path, known):
    """Give what a file imports of the app, inside functions and for type checkers, too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in known else node.module


def reachable(start, graph):
    found, waiting = set(), [start]
    while waiting:
        for name in graph.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def test_imports_go_one_way():
    """One pair may import each other: `get_client` asks the runtime, which makes a `Client`."""
    files = dict(modules())
    graph = {name: set(imports(path, files)) - {name} for name, path in files.items()}
    reached = {name: reachable(name, graph) for name in graph}
    in_a_cycle = {name for name in graph if name in reached[name]}
    assert in_a_cycle == {"django_sespan.client", "django_sespan._internal.runtime"}
