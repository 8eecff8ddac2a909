"""Delete customers who registered and never entered their code."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from django_sespan._internal.pruning import CHANGED, DELETED, PROTECTED, Pruning, RightUnknown
from django_sespan._internal.runtime import runtime

UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
REMEDY = "To fix it: manage.py sespan_verify --to ADDRESS says what is missing."
LEAST = timedelta(hours=1)
"""Longer than the life of any code: no account is deleted while its code is valid."""


class Command(BaseCommand):
    """`manage.py sespan_prune_unverified [--older-than 7d] [--dry-run]`."""

    help = (
        "Deletes users whom the registration pages created, who are inactive, never logged in and "
        "whose right to be activated is unused. Others are never touched."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the age and the dry run."""
        parser.add_argument(
            "--older-than", type=age, default="7d", metavar="AGE", help="such as 7d, 36h or 90m"
        )
        parser.add_argument("--dry-run", action="store_true", help="count them, delete none")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune and print the counts."""
        pruning = Pruning(runtime.registrations, self.stderr.write)
        dry_run = options["dry_run"]
        try:
            counts = pruning.run(datetime.now(UTC) - options["older_than"], dry_run=dry_run)
        except RightUnknown as exc:
            raise CommandError(
                f"The database does not say who may be activated.\n{REMEDY}"
            ) from exc
        except DatabaseError as exc:
            raise CommandError(f"{str(exc).splitlines()[0]}\n{REMEDY}") from exc
        self.stdout.write(f"{counts[DELETED]} {'would be ' if dry_run else ''}deleted")
        if counts[PROTECTED]:
            self.stdout.write(f"{counts[PROTECTED]} stay: other rows or rules forbid it")
        if counts[CHANGED]:
            self.stdout.write(f"{counts[CHANGED]} stay: logged in before, activated or withdrawn")


def age(text: str) -> timedelta:
    """Read an age such as 7d."""
    read = re.fullmatch(r"([1-9][0-9]{0,4})([dhm])", text)
    if read is None:
        raise ArgumentTypeError(f"{text!r} is no age; write 7d, 36h or 90m")
    duration: timedelta = int(read[1]) * UNITS[read[2]]
    if duration < LEAST:
        raise ArgumentTypeError(f"{text} is too short: somebody may be typing a code; 1h at least")
    return duration
