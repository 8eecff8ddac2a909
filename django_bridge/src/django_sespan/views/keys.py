"""`keys`: service keys, of machines and of people, for the roles report and admin."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from django_sespan import errors
from django_sespan._internal.key_calls import NewKey
from django_sespan.client import Client
from django_sespan.forms.keys import KeyForm
from django_sespan.views.staff import StaffView

OVERLAPS = {"0": 0, "3600": 3600, "86400": 86400}
HTTP_FORBIDDEN = 403


class KeysView(StaffView):
    """An admin sees all keys, a report person their own. A new one is shown once."""

    role = "report"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show them."""
        return self._page(self._form())

    @sensitive_variables("new")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Make, rotate or revoke one."""
        form, new, client = self._form(), None, self.staff
        key_id = request.POST.get("key_id", "")
        try:
            match request.POST.get("action"):
                case "create":
                    form = self._form(request)
                    if form.is_valid():
                        new = client.key_create(**form.wish())
                        form = self._form()
                case "rotate":
                    seconds = OVERLAPS.get(request.POST.get("overlap", "0"), 0)
                    new = client.key_rotate(key_id, overlap_seconds=seconds)
                case "revoke":
                    client.key_revoke(key_id)
                    return HttpResponseRedirect(request.path)
        except ValueError:
            return self._page(form, problem=_("There is no such key."))
        except errors.SespanRefused as exc:
            return self._page(form, problem=exc.detail)
        except errors.SespanMisconfigured as exc:
            if exc.status != HTTP_FORBIDDEN:
                raise
            return self._page(form, problem=exc.detail)
        return self._page(form, new=new)

    def _form(self, request: HttpRequest | None = None) -> KeyForm:
        return KeyForm(request.POST if request else None, is_admin="admin" in self.roles)

    def _page(
        self, form: KeyForm, new: NewKey | None = None, problem: str = ""
    ) -> TemplateResponse:
        client: Client = self.staff
        keys = client.keys()
        context = {
            "form": form,
            "new": new,
            "problem": problem,
            "live": [key for key in keys if key.state == "active"],
            "ended": [key for key in keys if key.state != "active"][::-1],
            "me": str(self.request.user.pk),
        }
        return TemplateResponse(self.request, "django_sespan/keys.html", context)
