"""The queue as a whole: its counts, stuck mails and throughput; sending is paused here."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_sespan.admin.mail.base import MANAGE, MailAdmin, actor, explain_database_errors
from django_sespan.admin.page import Tool
from django_sespan.mail import queue_admin
from django_sespan.models import MailQueue
from django_sespan.models.mail import SLOTS
from django_sespan.templatetags.sespan_admin import paused_what

PAUSED = re.compile(r"all|category:[A-Za-z0-9._:-]{1,64}|domain:[^\s@\x00-\x1f\x7f]{1,253}")


class PauseForm(forms.Form):
    """What to pause: everything, a category or a domain."""

    scope = forms.ChoiceField(
        label=gettext_lazy("Pause"),
        choices=[
            ("all", gettext_lazy("all mails")),
            ("category", gettext_lazy("the category")),
            ("domain", gettext_lazy("the domain")),
        ],
    )
    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=253)

    def clean(self) -> dict[str, Any]:
        """Put both together as the database wants them."""
        cleaned: dict[str, Any] = super().clean() or {}
        scope, name = cleaned.get("scope"), cleaned.get("name", "").strip()
        cleaned["what"] = "all" if scope == "all" else f"{scope}:{name}"
        if scope and not PAUSED.fullmatch(cleaned["what"]):
            self.add_error("name", _("Give the name of the category or domain."))
        return cleaned


@admin.register(MailQueue)
class MailQueueAdmin(MailAdmin):
    """How many mails wait, what needs a look, and what is paused."""

    @explain_database_errors
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the queue; on POST, pause or resume."""
        self.allow(request)
        form = PauseForm()
        if request.method == "POST":
            self.allow(request, MANAGE)
            form = PauseForm(request.POST)
            if self._change(request, form):
                return HttpResponseRedirect(request.path)
        using = self.using
        minutes, status = queue_admin.throughput(using), queue_admin.status(using)
        given_up = next((row["mails"] for row in status if row["state"] == "dead"), 0)
        context = {
            "title": _("Mail queue"),
            "tools": [Tool(self.url_of("changelist", "mailmessage"), _("All mails"))],
            "form": form,
            "status": status,
            "nothing_stuck": _("No mail waits too long.")
            if given_up
            else _("Nothing: no mail waits too long, and none was given up."),
            "given_up": ngettext(
                "%(count)d mail was given up: look at it.",
                "%(count)d mails were given up: look at them.",
                given_up,
            )
            % {"count": given_up}
            if given_up
            else "",
            "pauses": queue_admin.pauses(using),
            "stuck": queue_admin.stuck(using),
            "minutes": minutes[:15],
            "busiest": max((m["sent"] + m["failed"] + m["withheld"] for m in minutes), default=1),
        }
        return self.page(request, "mail_queue.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Lead to the mail that a row of the queue belongs to."""
        self.allow(request)
        if request.method == "POST":
            raise PermissionDenied  # read only
        number = int(object_id) // SLOTS if object_id.isdecimal() else 0
        return HttpResponseRedirect(reverse("admin:sespan_mailmessage_change", args=[number]))

    def _change(self, request: HttpRequest, form: PauseForm) -> bool:
        """Pause or resume; False when the form is invalid."""
        ended = request.POST.get("resume")
        if ended is not None:
            if not PAUSED.fullmatch(ended) or not queue_admin.resume(
                self.using, ended, actor(request)
            ):
                messages.warning(request, _("This is not paused."))
            else:
                messages.success(
                    request, _("“%(what)s” is sent again.") % {"what": paused_what(ended)}
                )
            return True
        if not form.is_valid():
            return False
        what = form.cleaned_data["what"]
        try:
            queue_admin.pause(self.using, what, actor(request))
        except DatabaseError as exc:
            form.add_error("name", str(exc).splitlines()[0])
            return False
        messages.success(request, _("“%(what)s” is paused.") % {"what": paused_what(what)})
        return True
