"""Send a code through the real path and print the result of each step."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from django_sespan.management.diagnosis import (
    DiagnosisFailed,
    Step,
    code,
    database,
    mail,
    service,
    settings,
)


class Command(BaseCommand):
    """`manage.py sespan_verify --to ADDRESS [--code] [--timeout SECONDS]`."""

    help = (
        "Sends a mail and a code to an address through the whole path (settings, database, queue, "
        "service, mail server) and prints each step with its time. No customer is changed."
    )
    requires_system_checks: list[str] = []  # they are the first step

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address and the time to wait."""
        parser.add_argument("--to", required=True, metavar="ADDRESS", help="a mailbox of yours")
        parser.add_argument(
            "--code", action="store_true", help="ask for the code that arrived and hand it in"
        )
        parser.add_argument(
            "--timeout",
            type=float,
            default=30.0,
            metavar="SECONDS",
            help="how long to wait for a mail",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Take step after step; stop at the first that fails."""
        try:
            validate_email(options["to"])
        except ValidationError:
            raise CommandError(f"{options['to']!r} is not an e-mail address.") from None
        for step in self._steps(options["to"], options["timeout"], ask=options["code"]):
            self._run(step)
        self.stdout.write("All is well.")

    def _steps(self, recipient: str, seconds: float, *, ask: bool) -> Iterator[Step]:
        yield Step("settings", settings.check)
        yield Step("database", database.check)
        test = mail.TestMail(recipient, seconds) if settings.uses_mail() else None
        if test is not None:
            yield Step("queue", test.enqueue)
        test_code = code.TestCode(recipient, seconds)
        unused = settings.without_service()
        if unused:
            self.stdout.write(f"{'':15}service   {unused}")
        else:
            yield Step("service", service.check)
            yield Step("code", test_code.request)
        if test is not None:
            yield Step("mail", test.deliver)
        if not unused:
            yield Step("delivery", test_code.deliver)
        if ask and not unused:
            typed = self._typed()
            yield Step("typed", lambda: test_code.verify(typed))

    def _typed(self) -> str:
        try:
            return input("The code that arrived: ")
        except EOFError:
            raise CommandError("--code waits for somebody who types the code.") from None

    def _run(self, step: Step) -> None:
        started = time.monotonic()
        try:
            result = step.run()
        except DiagnosisFailed as exc:
            self._line("WRONG", started, step.name, exc.problem)
            raise CommandError(f"{step.name}: {exc.problem}\nTo fix it: {exc.remedy}") from exc
        self._line("ok", started, step.name, result)

    def _line(self, mark: str, started: float, name: str, text: str) -> None:
        spent = (time.monotonic() - started) * 1000
        self.stdout.write(f"{mark:<5} {spent:5.0f} ms  {name:<9} {text}")
