"""Mails and their recipients. Bodies are not here: a reset link is a secret too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.words import MAIL_STATES
from django_sespan.models.customer import words

SLOTS = 1024
"""queue_id = message_id · 1024 + position of the recipient."""


class FiniteDateTimeField(models.DateTimeField):  # type: ignore[type-arg]
    """A moment that may be infinity (a paused mail has no due time), which is read as None."""

    def select_format(
        self, compiler: Any, sql: str, params: Sequence[Any]
    ) -> tuple[str, tuple[Any, ...]]:
        """Wrap the column; Python has no datetime for infinity."""
        return f"CASE WHEN isfinite({sql}) THEN {sql} END", (*params, *params)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Stand in migrations as what it is in the database."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs


class MailMessage(models.Model):
    """A row of `sespan.mail_message`, without the content."""

    message_id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(_("created"))
    category = models.TextField(_("category"), null=True)
    sender = models.TextField(_("from"), null=True)
    # text[]: the driver gives a list. An ArrayField would ask the site for another app.
    to_addresses = models.TextField(_("to"))
    cc_addresses = models.TextField(_("Cc"))
    subject = models.TextField(_("subject"))
    priority = models.SmallIntegerField(_("priority"))
    send_at = models.DateTimeField(_("send at"), null=True)
    expires_at = models.DateTimeField(_("expires"), null=True)
    size_bytes = models.IntegerField(_("bytes"))
    recipients = models.SmallIntegerField(_("recipients"))
    pending = models.SmallIntegerField(_("waiting"))
    sent = models.SmallIntegerField(_("sent"))
    dead = models.SmallIntegerField(_("dead"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    wiped_at = models.DateTimeField(_("content wiped"), null=True)

    class Meta:
        managed = False
        db_table = 'sespan"."mail_message'
        ordering = ["-message_id"]
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        permissions = [
            ("preview_mail", "Can read the content of mails"),
            ("manage_mail", "Can retry, cancel, pause and resume mails"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.subject}"

    def recipient_rows(self) -> QuerySet[MailRecipient]:
        """Return the recipients, found by the range of their keys in the mail's own day."""
        first = self.message_id * SLOTS
        rows = MailRecipient.objects.using(self._state.db).filter(created_at=self.created_at)
        return rows.filter(queue_id__gte=first, queue_id__lt=first + SLOTS)

    def waiting_rows(self) -> QuerySet[MailQueue]:
        """Return the recipients that are not in a final state."""
        first = self.message_id * SLOTS
        rows = MailQueue.objects.using(self._state.db)
        return rows.filter(queue_id__gte=first, queue_id__lt=first + SLOTS)


class _Recipient(models.Model):
    queue_id = models.BigAutoField(primary_key=True)
    message_id = models.BigIntegerField(_("mail"))
    created_at = models.DateTimeField(_("created"))
    recipient = models.TextField(_("recipient"))
    state = models.TextField(_("state"), choices=words(MAIL_STATES))
    attempts = models.SmallIntegerField(_("tries"))
    due_at = FiniteDateTimeField(_("due"), null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.recipient} ({self.state})"


class MailQueue(_Recipient):
    """A row of `sespan.mail_queue`: a recipient whose mail is not in a final state."""

    priority = models.SmallIntegerField(_("priority"))
    tried_at = models.DateTimeField(_("tried"), null=True)
    last_reason = models.TextField(_("reason"), null=True)
    last_code = models.SmallIntegerField(_("SMTP code"), null=True)
    last_reply = models.TextField(_("server's answer"), null=True)

    class Meta:
        managed = False
        db_table = 'sespan"."mail_queue'
        ordering = ["-queue_id"]
        verbose_name = _("waiting mail")
        verbose_name_plural = _("mail queue")


class MailRecipient(_Recipient):
    """A row of the view `sespan.mail_recipient`: every recipient, waiting or finished."""

    finished_at = models.DateTimeField(_("finished"), null=True)
    reason = models.TextField(_("reason"), null=True)
    code = models.SmallIntegerField(_("SMTP code"), null=True)
    reply = models.TextField(_("server's answer"), null=True)
    relay = models.TextField(_("mail server"), null=True)

    class Meta:
        managed = False
        db_table = 'sespan"."mail_recipient'
        ordering = ["-queue_id"]
        verbose_name = _("mail recipient")
        verbose_name_plural = _("mail recipients")
