"""The page Keys: made, rotated and revoked as the person who is logged in.

A key is shown in the answer to the form that made it, this once: it stands in no address, no
session and no cache. Each form counts once, so that a reload makes no other key.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables

from django_sespan import errors
from django_sespan._internal import messages, once
from django_sespan._internal.key_calls import Key, NewKey
from django_sespan.forms.keys import KeyForm, RotateForm
from django_sespan.views.staff import StaffView, logger

FAILURES = (errors.SespanUnavailable, errors.SespanMisconfigured, errors.SespanRefused)


class KeyPage(StaffView):
    """What the pages of keys share."""

    role = "report"
    http_method_names = ["get", "head", "post", "options"]

    @property
    def is_admin(self) -> bool:
        """Whether this person sees all keys."""
        return "admin" in self.roles

    def page(self, name: str, status: int = 200, **context: Any) -> TemplateResponse:
        """Show a template of the keys."""
        context |= {"is_admin": self.is_admin}
        return TemplateResponse(
            self.request, f"django_sespan/keys/{name}.html", context, status=status
        )

    def problem(self, status: int, sentence: str) -> TemplateResponse:
        """Say what is wrong, with the way back."""
        return self.page("problem", status, sentence=sentence)

    def failed(self, what: str, error: errors.SespanError) -> tuple[int, str]:
        """Log an error of the service; return the status and the sentence for it."""
        if isinstance(error, errors.SespanRefused):
            logger.info("%s: %s (response %s)", what, error.detail, error.response_id or "-")
        else:
            messages.log(logger, what, error)
        status = HTTPStatus.SERVICE_UNAVAILABLE
        if error.status in {403, 404, 409, 422}:
            status = HTTPStatus(error.status)
        return status, messages.for_keys(error)

    def used_up(self, ticket: str) -> tuple[int, str] | None:
        """Use a form's ticket up; return what is wrong with it."""
        match once.take(self.request, ticket):
            case True:
                return None
            case False:
                return HTTPStatus.CONFLICT, gettext(
                    "This form was sent before, so nothing was done again. A key is shown only "
                    "once: where it was not kept, revoke it and make another."
                )
        return HTTPStatus.CONFLICT, gettext(
            "This page was open for too long, so nothing was done. Please send it again."
        )


class KeysView(KeyPage):
    """`keys`: GET → the list; POST → a new key."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show the keys that this person sees."""
        try:
            keys = self.staff.keys()
        except errors.SespanRefused as exc:
            return self.problem(*self.failed("No keys", exc))
        ended = request.GET.get("revoked", "")
        gone = next((k for k in keys if k.key_id == ended and k.state == "revoked"), None)
        form = KeyForm(admin=self.is_admin, ticket=once.ticket(request))
        return self._list(form, keys, gone=gone)

    @method_decorator(sensitive_variables("made"))
    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Make a key and show it."""
        form = KeyForm(request.POST, admin=self.is_admin, ticket=once.ticket(request))
        if not form.is_valid():
            return self._again(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        if refused := self.used_up(form.cleaned_data["once"]):
            return self._again(form, *refused)
        try:
            made = self.staff.key_create(**form.wish())
        except FAILURES as exc:
            return self._again(form, *self.failed("No key was made", exc))
        return self.page("made", HTTPStatus.CREATED, made=made)

    def _again(self, form: KeyForm, status: int, notice: str = "") -> HttpResponseBase:
        """Show what was typed, with a fresh ticket; without a list where there is none."""
        form.data = {**form.data.dict(), "once": form.ticket}  # type: ignore[attr-defined]
        keys: list[Key] | None = None
        try:
            keys = self.staff.keys()
        except FAILURES as exc:
            messages.log(logger, "No keys", exc)
        return self._list(form, keys, status, notice=notice)

    def _list(
        self, form: KeyForm, keys: list[Key] | None, status: int = 200, **context: Any
    ) -> TemplateResponse:
        owner = str(self.request.user.pk)
        newest = list(reversed(keys or []))
        return self.page(
            "list",
            status,
            form=form,
            known=keys is not None,
            live=[_row(key, owner) for key in newest if key.state == "active"],
            over=[_row(key, owner) for key in newest if key.state != "active"],
            **context,
        )


class OneKeyPage(KeyPage):
    """A page about one key: GET asks, POST does it."""

    def get(self, request: HttpRequest, key_id: str) -> HttpResponseBase:
        """Ask first."""
        try:
            keys = self.staff.keys()
        except errors.SespanRefused as exc:
            return self.problem(*self.failed("No keys", exc))
        key = next((key for key in keys if key.key_id == key_id), None)
        if key is None:
            return self.problem(*self.failed("No key", errors.UnknownKey(status=404)))
        if key.state != "active":
            return self.problem(HTTPStatus.CONFLICT, gettext("This key is over already."))
        return self.ask(key)

    def ask(self, key: Key) -> HttpResponseBase:
        """Show the question."""
        raise NotImplementedError


class RotateKeyView(OneKeyPage):
    """`keys/<key_id>/rotate/`: another key in the place of this one."""

    def ask(self, key: Key) -> HttpResponseBase:
        """Show from when the old one is refused."""
        form = RotateForm(initial={"once": once.ticket(self.request)}, auto_id="key_%s")
        return self.page("rotate", key=key, form=form)

    @method_decorator(sensitive_variables("made"))
    def post(self, request: HttpRequest, key_id: str) -> HttpResponseBase:
        """Rotate, and show the new key."""
        form = RotateForm(request.POST)
        if not form.is_valid():
            sentence = gettext("Something of the form was missing. Please send it again.")
            return self.problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        if refused := self.used_up(form.cleaned_data["once"]):
            return self.problem(*refused)
        try:
            made = self._rotate(key_id, int(form.cleaned_data["overlap"]))
        except FAILURES as exc:
            return self.problem(*self.failed("No key was rotated", exc))
        return self.page("made", HTTPStatus.CREATED, made=made, old=key_id)

    def _rotate(self, key_id: str, seconds: int) -> NewKey:
        try:
            return self.staff.key_rotate(key_id, overlap_seconds=seconds)
        except ValueError as exc:
            raise errors.UnknownKey(status=404) from exc


class RevokeKeyView(OneKeyPage):
    """`keys/<key_id>/revoke/`: the end of a key. Twice is harmless."""

    def ask(self, key: Key) -> HttpResponseBase:
        """Ask whether it is meant."""
        return self.page("revoke", key=key)

    def post(self, request: HttpRequest, key_id: str) -> HttpResponseBase:
        """Revoke it."""
        try:
            self._revoke(key_id)
        except FAILURES as exc:
            return self.problem(*self.failed("No key was revoked", exc))
        return HttpResponseRedirect(f"{reverse('django_sespan:keys')}?revoked={key_id}")

    def _revoke(self, key_id: str) -> None:
        try:
            self.staff.key_revoke(key_id)
        except ValueError as exc:
            raise errors.UnknownKey(status=404) from exc


def _row(key: Key, owner: str) -> dict[str, Any]:
    return {"key": key, "mine": key.owner_id == owner, "rotatable": key.owner_id in {None, owner}}
