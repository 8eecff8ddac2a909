"""The page Personal data: what a person may ask for, an export and an erasure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_sespan._internal import address, personal_data, private_mails
from django_sespan._internal.installation import roles_of_site
from django_sespan._internal.personal_data import Subject
from django_sespan.admin.page import AdminRolePage
from django_sespan.errors import CustomerTableMismatch
from django_sespan.mail import queue_admin

IN_MEMORY = 1_000_000

REMOVED = {
    "cancelled": gettext_lazy("mails that waited were cancelled"),
    "mails": gettext_lazy("mails lost their address and content"),
    "mail_events": gettext_lazy("delivery events lost their address"),
    "suppressions": gettext_lazy("suppressions keep a hash in place of the address"),
    "calls": gettext_lazy("rows of the API log lost customer, address, headers and bodies"),
    "draws": gettext_lazy("draws lost the username"),
    "keys": gettext_lazy("service keys of this person were revoked"),
    "codes": gettext_lazy("codes were deleted"),
}
KEPT = (
    gettext_lazy("draws with the customer’s number: they are bookkeeping"),
    gettext_lazy("rows of the API log without the person, and all counts"),
    gettext_lazy("suppressions as a hash: nobody writes to the address against the person’s wish"),
    gettext_lazy("entries of the audit, until their age: they prove this erasure, too"),
    gettext_lazy("the right to be activated: a ban must hold"),
    gettext_lazy("the customer’s own row: delete it in the site’s own administration"),
)


class WhomForm(forms.Form):
    """Whom to give out or to take out."""

    customer_id = forms.IntegerField(
        label=gettext_lazy("Customer number"),
        required=False,
        min_value=-personal_data.LARGEST,
        max_value=personal_data.LARGEST,
        help_text=gettext_lazy("Also of somebody whose account is deleted."),
    )
    email = forms.CharField(
        label=gettext_lazy("E-mail address"),
        required=False,
        max_length=254,
        help_text=gettext_lazy(
            "Alone, or one more than the account’s: one the person has shown to own."
        ),
    )

    def clean_email(self) -> str:
        """Refuse what is no address."""
        email = str(self.cleaned_data["email"]).strip()
        try:
            return email if not email or address.key(email) else ""
        except ValueError as exc:
            raise ValidationError(_("This is no e-mail address.")) from exc

    def clean(self) -> dict[str, Any]:
        """Find the person."""
        values: dict[str, Any] = super().clean() or {}
        if self.errors:
            return values
        if values["customer_id"] is None and not values["email"]:
            raise ValidationError(_("Give a number, an address, or both."))
        values["subject"] = personal_data.find(values["customer_id"], values["email"])
        return values


class PersonalData:
    """The view; its own class, because it runs outside of the site's transaction."""

    def __init__(self, admin: AdminRolePage) -> None:
        self.admin = admin

    def view(self, request: HttpRequest) -> HttpResponseBase:
        """Show the form; on POST export, ask, or erase."""
        if not self.admin.has_view_permission(request):
            context = {"title": _("Not for this login"), "role": "admin"}
            return self.admin.page(request, "forbidden.html", context, 403)
        try:
            with queue_admin.translated_errors():
                return self._answer(request)
        except queue_admin.SchemaMissing as exc:
            reason, remedy = str(exc), _("Run “sespan migrate up” on the database of the site.")
        except queue_admin.RoleMissing as exc:
            reason, named = str(exc), ", ".join(roles_of_site("producer", "admin"))
            remedy = _("Grant %(roles)s to the site’s database login.") % {"roles": named}
        return self.admin.page(
            request, "unavailable.html", {"reason": reason, "remedy": remedy}, 503
        )

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        given = request.POST if request.method == "POST" else request.GET
        form = WhomForm(given if {"customer_id", "email"} & set(given) else None)
        context = {"title": _("Personal data"), "form": form, "kept": KEPT}
        try:
            valid = form.is_valid()
        except CustomerTableMismatch as exc:
            messages.error(request, str(exc))
            valid = False
        if request.method != "POST" or not valid:
            return self.admin.page(request, "personal_data.html", context)
        subject: Subject = form.cleaned_data["subject"]
        if request.POST.get("action") == "export":
            return _file(request, subject)
        if request.POST.get("sure") == "yes":
            self._erase(request, subject)
            return HttpResponseRedirect(request.path)
        return self.admin.page(request, "personal_data.html", {**context, "asked": subject})

    def _erase(self, request: HttpRequest, subject: Subject) -> None:
        done = personal_data.erase(request, subject)
        for name, text in REMOVED.items():
            if done.get(name):
                messages.success(request, f"{capfirst(text)}: {done[name]}")
        if done.get("sending"):
            sending = _("%(mails)s mails are being sent at this moment: erase again in a minute.")
            messages.warning(request, sending % {"mails": done["sending"]})
        if not any(done.values()):
            messages.info(request, _("Nothing of this person was left."))


def _file(request: HttpRequest, subject: Subject) -> FileResponse:
    """Answer the whole export: one JSON object, a section a member."""
    whole = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # the response closes it
    for part in _json(request, subject):
        whole.write(part.encode())
    whole.seek(0)
    name = "customer" if subject.customer_id is None else f"customer-{subject.customer_id}"
    answer = FileResponse(
        whole, as_attachment=True, filename=f"{name}.json", content_type="application/json"
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _json(request: HttpRequest, subject: Subject) -> Iterator[str]:
    who = {"customer_id": subject.customer_id, "addresses": subject.emails}
    yield json.dumps({**who, "customer": personal_data.site_row(subject)}).removesuffix("}")
    current, comma = "", ""
    for section, items in personal_data.export(request, subject):
        if section != current:
            yield f'{"]" if current else ""}, "{section}": ['
            current, comma = section, ""
        for item in items:
            shown = private_mails.without_secrets(item) if section == "mails" else item
            yield comma + json.dumps(shown)
            comma = ", "
    yield "]}\n"


def view_of(admin: AdminRolePage) -> Any:
    """Return the view for the admin's addresses. Each step is a transaction of its own."""

    @transaction.non_atomic_requests
    def view(request: HttpRequest) -> HttpResponseBase:
        return PersonalData(admin).view(request)

    return view
