"""The API log: every answered call, secrets redacted by the service."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.words import OUTCOMES, REQUEST_TYPES, word
from django_sespan.models.customer import customer_key, words


class ApiLog(models.Model):
    """A row of the view `sespan.api_log_full`."""

    log_id = models.BigAutoField(primary_key=True)
    response_id = models.UUIDField(_("response"))
    time_requested = models.DateTimeField(_("time"))
    time_responded = models.DateTimeField(_("answered"))
    elapsed_time = models.DurationField(_("elapsed"))
    request_type = models.TextField(_("type"), choices=words(REQUEST_TYPES))
    outcome = models.TextField(_("outcome"), choices=words(OUTCOMES))
    status = models.SmallIntegerField(_("HTTP status"))
    status_details = models.TextField(_("details"))
    ip = models.GenericIPAddressField(_("IP address"), null=True)
    customer = customer_key()
    request_header = models.JSONField(_("request header"))
    request_body = models.TextField(_("request body"))
    response_header = models.JSONField(_("response header"))
    response_body = models.TextField(_("response body"))
    stands_for = models.IntegerField(_("stands for"), default=1)

    class Meta:
        managed = False
        db_table = 'sespan"."api_log_full'
        ordering = ["-time_requested", "-response_id"]
        verbose_name = _("API call")
        verbose_name_plural = _("API log")

    def __str__(self) -> str:
        return f"{word(self.request_type, REQUEST_TYPES)} {self.response_id}"
