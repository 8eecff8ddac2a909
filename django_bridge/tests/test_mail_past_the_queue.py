"""Error mails of transactions that roll back: lost in the queue, kept by the manual's recipe."""

from __future__ import annotations

import logging
import logging.config
import re
from pathlib import Path

import django
import pytest
from django.core import mail
from django.db import transaction

from mail_rows import count

MANUAL = Path(__file__).parents[2] / "docs" / "django.md"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:The 'email_backend' argument is deprecated"),
]


def recipe():
    """Give the handler's settings as the manual has them, for this version of Django."""
    (block,) = re.findall(
        r'^(LOGGING\["handlers"\]\["mail_admins"\] = \{.*?^\})$',
        MANUAL.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    if django.VERSION >= (6, 1):
        block = re.sub(r'^ *"email_backend".*\n', "", block, flags=re.MULTILINE).replace(
            "# ", "", 1
        )
    found = {"LOGGING": {"handlers": {}}}
    exec(block, found)
    return found["LOGGING"]["handlers"]["mail_admins"]


@pytest.fixture
def log(settings, own_backend):
    """A logger with the handler of the manual, whose mails stay in memory."""
    smtp, memory = (f"django.core.mail.backends.{name}.EmailBackend" for name in ("smtp", "locmem"))
    handler = recipe()
    if django.VERSION >= (6, 1):
        settings.MAILERS = {**settings.MAILERS, handler["using"]: {"BACKEND": memory}}
        settings.ADMINS = ["admin@example.com"]
    else:
        assert handler["email_backend"] == smtp
        handler["email_backend"] = memory
        settings.ADMINS = [("Admin", "admin@example.com")]
    mail.outbox = []
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"mail_admins": handler},
            "loggers": {"shop.kept": {"handlers": ["mail_admins"]}},
        }
    )
    logger = logging.getLogger("shop.kept")
    yield logger
    logger.handlers.clear()


def test_the_queue_loses_what_rolls_back(settings, own_backend):
    settings.ADMINS = ["admin@example.com"]
    if django.VERSION < (6,):
        settings.ADMINS = [("Admin", "admin@example.com")]
    before = count()
    with transaction.atomic():
        mail.mail_admins("late", "order 17")
        assert count() == before + 1
        transaction.set_rollback(True)
    assert count() == before


def test_the_recipe_keeps_it(log):
    before = count()
    with transaction.atomic():
        log.error("order 17 is late")
        transaction.set_rollback(True)
    assert count() == before
    assert [message.to for message in mail.outbox] == [["admin@example.com"]]
