"""Where the files of uPlot are. A checkout has them once `make charts` has fetched them."""

from __future__ import annotations

from pathlib import Path

from django.templatetags.static import static

UPLOT = "django_sespan/vendor/uplot/uPlot"
FILES = {"script": f"{UPLOT}.iife.min.js", "style": f"{UPLOT}.min.css"}


def uplot() -> dict[str, str]:
    """Return the addresses of script and style, none where this installation lacks them."""
    home = Path(__file__).parents[1] / "static"
    if not all((home / name).is_file() for name in FILES.values()):
        return {}
    try:
        return {kind: static(name) for kind, name in FILES.items()}
    except ValueError:  # collected before it was fetched: a manifest without it
        return {}
