"""Tell Sespan who has which role, for what no signal saw."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from django_sespan._internal import people


class Command(BaseCommand):
    """`manage.py sespan_compare_people`: for cron, every few minutes."""

    help = (
        "Compares the people who have a role in the site with what Sespan was told, enters each "
        "difference in the audit as found, and ends the keys of people who lost the right to them."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare and print the number of differences."""
        try:
            differences = people.compare()
        except DatabaseError as exc:
            reason = str(exc).splitlines()[0]
            hint = "manage.py check --database default says what is missing."
            raise CommandError(f"{reason}\nTo fix it: {hint}") from exc
        self.stdout.write(f"{differences} found" if differences else "nothing new")
