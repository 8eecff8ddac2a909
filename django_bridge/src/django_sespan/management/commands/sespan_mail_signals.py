"""`manage.py sespan_mail_signals`: send `mail_sent` and `mail_dead`."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, OperationalError, connections

from django_sespan.conf import get_settings
from django_sespan.mail.outcomes import Outcomes, ToldElsewhere


class Command(BaseCommand):
    """Ask the database what has come to its end, again and again, or once for cron."""

    help = (
        "Sends the signals mail_sent and mail_dead for mails that were finally sent or never "
        "will be. One process of a site runs it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how often, and from when on the first time."""
        parser.add_argument("--once", action="store_true", help="ask once, and end")
        parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
        parser.add_argument(
            "--since",
            default="0",
            metavar="INTERVAL",
            help="the very first time: begin so long ago, such as '1 day' (default: now)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on until the process is ended; an outage of the database is waited for."""
        if options["every"] <= 0:
            raise CommandError("--every is a positive number of seconds.")
        outcomes = Outcomes()
        while True:
            self._tell(outcomes, options)
            if options["once"]:
                return
            time.sleep(options["every"])

    def _tell(self, outcomes: Outcomes, options: dict[str, Any]) -> None:
        try:
            count = outcomes.tell(since=options["since"])
        except ToldElsewhere as exc:
            raise CommandError(f"{exc}: run it once for each site.") from exc
        except (OperationalError, InterfaceError) as exc:
            if options["once"]:
                raise CommandError(_first_line(exc)) from exc
            self.stderr.write(f"The database gave no answer: {_first_line(exc)}")
            connections[get_settings().database].close()
        except DatabaseError as exc:
            raise CommandError(
                f"{_first_line(exc)}\nThe site's login needs the roles sespan_reader_detail and "
                "sespan_admin: manage.py check --database default"
            ) from exc
        else:
            if count and options["verbosity"] > 0:
                self.stdout.write(f"Told: {count}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
