"""`manage.py prepare_shop`: everything the shop needs before Sespan and its first visitor."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Runs the steps of a first start in one process; each may run again."""

    # The checks want the key that the first step makes.
    requires_system_checks: list[str] = []

    help = "Make the checkout key, the tables, the demonstration's data and the static files."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps in their order."""
        verbosity = options["verbosity"]
        call_command("sespan_init", verbosity=verbosity, stdout=self.stdout)
        call_command("migrate", interactive=False, verbosity=verbosity, stdout=self.stdout)
        call_command("sespan_init", groups_only=True, verbosity=verbosity, stdout=self.stdout)
        call_command("seed_shop", verbosity=verbosity, stdout=self.stdout)
        call_command("collectstatic", interactive=False, verbosity=0, stdout=self.stdout)
