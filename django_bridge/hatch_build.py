"""Puts uPlot, which draws the charts of the pages for staff, into what is built from a checkout.

It comes from npm, at the version and with the checksum of `package-lock.json`, and is not
committed. A source archive has it already. Without npm the archive is built all the same:
tables stand in the charts' place, and one line says what to install.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

UPLOT = Path("src/django_sespan/static/django_sespan/vendor/uplot/uPlot.iife.min.js")


class ChartsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `npm run charts` before a wheel or a source archive is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch uPlot where it is missing; an editable installation is the Makefile's to fill."""
        root = Path(self.root)
        if version == "editable" or (root / UPLOT).is_file():
            return
        try:
            subprocess.run(["npm", "run", "--silent", "charts"], cwd=root, check=True)  # noqa: S607
        except (OSError, subprocess.CalledProcessError) as exc:
            self.app.display_warning(
                f"No charts in this build, tables stand in their place ({exc}): install"
                " Node.js with npm, then build again"
            )
