"""One virtual environment for all sites, kept in .cache; the wheel comes fresh each time."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import django

from ten_minutes.handbook import ROOT

WANTED = (
    f"Django~={django.VERSION[0]}.{django.VERSION[1]}.0",
    "httpx",
    "PyJWT[crypto]",
    "psycopg[binary]",
    "django-allauth",
    # For its recipes; it has no release for later versions of Django.
    *(("django-oscar~=4.2.0",) if django.VERSION < (6, 0) else ()),
)


def environment() -> Path:
    """Give the folder of an environment with everything but django-sespan."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    mark = hashlib.sha256(repr((version, WANTED)).encode()).hexdigest()[:12]
    folder = ROOT / ".cache" / "ten-minutes" / mark
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            run(sys.executable, "-m", "venv", folder)
            run(folder / "bin" / "pip", "install", "-q", *WANTED)
            (folder / "ready").touch()
        run(folder / "bin" / "pip", "uninstall", "-q", "-y", "django-sespan")
    return folder


def wheel(target: Path) -> Path:
    """Build what is shipped."""
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    run(sys.executable, "-c", build, target, cwd=ROOT / "django_bridge")
    (found,) = target.glob("*.whl")
    return found


def run(*command: object, cwd: Path | None = None) -> None:
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
