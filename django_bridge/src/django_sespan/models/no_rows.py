"""For models that carry permissions and have no table."""

from __future__ import annotations

from typing import Any

from django.db import models


class NoRows(models.Manager[Any]):
    """Whoever reads all models, as `dumpdata` does, finds no row."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Ask no database."""
        return super().get_queryset().none()
