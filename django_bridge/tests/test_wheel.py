"""The wheel alone is the whole app: installed without the source tree into a fresh site."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APP = ROOT / "src" / "django_sespan"
UPLOT = "django_sespan/static/django_sespan/vendor/uplot"

SETTINGS = """
import sys
from pathlib import Path
sys.path.append({tests!r})
import database

DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "TEST": {{"NAME": "test_wheel_" + str(__import__("os").getpid())}},
        **database.django_settings({server!r}),
    }}
}}
INSTALLED_APPS += ["django_sespan"]
LOGIN_URL = LOGIN_REDIRECT_URL = "/account/login-code/"
SESPAN = {{"URL": "http://127.0.0.1:8080", "KEY": "sk_{key}"}}
"""

LOOK = """
from pathlib import Path
import django_sespan
from django.contrib.staticfiles import finders
from django.core.management import get_commands
from django.template.loader import get_template
from django.utils import translation

home = Path(django_sespan.__file__).parent
print("home", home)
for file in (home / "templates").rglob("*.html"):
    found = get_template(str(file.relative_to(home / "templates"))).template.origin.name
    assert found == str(file)
for file in (home / "static").rglob("*.*"):
    assert finders.find(str(file.relative_to(home / "static"))) == str(file)
with translation.override("id"):
    text = translation.gettext("Enter the code from the e-mail.")
assert text != "Enter the code from the e-mail.", text
assert get_commands()["sespan_init"] == "django_sespan"
"""

SUITE = """
def test_the_plugin_is_there(sespan, client, db):
    answer = client.get("/account/register/")
    assert answer.status_code == 200
    assert sespan.outbox == []
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Both archives, built from a copy of nothing but the folder itself."""
    target = tmp_path_factory.mktemp("dist")
    script = (
        "import sys; from hatchling.build import build_sdist, build_wheel; "
        "build_wheel(sys.argv[1]); build_sdist(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", script, target], check=True, cwd=ROOT)
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    return wheel, sdist


def app_files():
    return {
        f"django_sespan/{path.relative_to(APP)}"
        for path in APP.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_whole_app_and_nothing_else(built):
    archive = zipfile.ZipFile(built[0])
    shipped = {name for name in archive.namelist() if not name.split("/")[0].endswith("dist-info")}
    assert shipped == app_files()
    assert {
        "django_sespan/py.typed",
        "django_sespan/pytest_plugin.py",
        "django_sespan/static/django_sespan/checkout.js",
        "django_sespan/templates/django_sespan/code.html",
        "django_sespan/locale/id/LC_MESSAGES/django.mo",
        "django_sespan/testing/__init__.py",
        f"{UPLOT}/uPlot.iife.min.js",
        f"{UPLOT}/uPlot.min.css",
        f"{UPLOT}/LICENSE",
    } <= shipped
    assert b"MIT License" in archive.read(f"{UPLOT}/LICENSE")
    assert not [name for name in shipped if re.search(r"(^|/)(tests?|conftest\.py)(/|$)", name)]
    (licence,) = [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]
    assert archive.read(licence) == (ROOT.parent / "LICENSE").read_bytes()
    (metadata,) = [name for name in archive.namelist() if name.endswith("dist-info/METADATA")]
    needed = re.findall(
        r"^Requires-Dist: ([\w-]+)(?!.*extra ==)", archive.read(metadata).decode(), re.MULTILINE
    )
    assert {name.lower() for name in needed} == {"django", "httpx", "idna", "pyjwt"}


def test_the_source_archive_builds_the_same(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in app_files()} <= names
    rest = {name for name in names if not name.startswith("src/")}
    assert rest == {
        ".gitignore",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "hatch_build.py",
        "package-lock.json",
        "package.json",
        "pyproject.toml",
    }


def test_without_npm_the_wheel_is_built_all_the_same(tmp_path, monkeypatch):
    """One line says what to install; the pages show tables in the charts' place."""
    for name in ("pyproject.toml", "hatch_build.py", "package.json", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(
        APP, tmp_path / "src" / "django_sespan", ignore=shutil.ignore_patterns("vendor")
    )
    script = "from hatchling.build import build_wheel; build_wheel('dist')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "install Node.js with npm" in done.stdout + done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if "vendor" in name]


@pytest.fixture(scope="module")
def python(built, tmp_path_factory):
    """A fresh environment with the wheel, beside the libraries of this one.

    A path in a .pth file brings those libraries, but not what their own .pth files add:
    the source tree, which is installed here as editable.
    """
    folder = tmp_path_factory.mktemp("site")
    program = folder / "env" / "bin" / "python"
    prepare = [sys.executable, "-m", "venv", "--without-pip", folder / "env"]
    subprocess.run(prepare, check=True)
    install = [sys.executable, "-m", "pip", "--python", program, "install", "-q", "--no-deps"]
    subprocess.run([*install, built[0]], check=True)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    (site / "neighbours.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(*arguments, cwd=folder):
        done = subprocess.run(
            [program, *arguments],
            cwd=cwd,
            env={k: v for k, v in os.environ.items() if not k.startswith(("DJANGO_", "PYTHON"))},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_in_a_fresh_site(python, tmp_path):
    python("-m", "django", "startproject", "site_of_a_shop", tmp_path)
    settings = tmp_path / "site_of_a_shop" / "settings.py"
    server, key = os.environ["SESPAN_TEST_DATABASE_URL"], "a" * 12 + "_" + "b" * 43
    with settings.open("a") as file:
        file.write(SETTINGS.format(tests=str(ROOT / "tests"), server=server, key=key))
    (tmp_path / "site_of_a_shop" / "urls.py").write_text(
        "from django.urls import include, path\n"
        'urlpatterns = [path("account/", include("django_sespan.urls"))]\n'
    )
    strict = ("-W", "error", "manage.py")
    assert "no issues" in python(*strict, "check", cwd=tmp_path)
    assert "No changes" in python(*strict, "makemigrations", "--check", "--dry-run", cwd=tmp_path)
    home = python(*strict, "shell", "--no-imports", "-c", LOOK, cwd=tmp_path)
    assert "site-packages/django_sespan" in home
    (tmp_path / "test_it.py").write_text(SUITE)
    chosen = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--ds=site_of_a_shop.settings")
    assert "1 passed" in python(*chosen, cwd=tmp_path)
