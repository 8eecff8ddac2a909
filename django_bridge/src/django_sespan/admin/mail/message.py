"""The list of mails, a page for each, and what staff may do with them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from django_sespan._internal.accounts import with_email
from django_sespan._internal.audit import Entry, enter
from django_sespan._internal.customer_admin import page_of
from django_sespan._internal.private_mails import is_private
from django_sespan.admin import links
from django_sespan.admin.mail import actions
from django_sespan.admin.mail.base import MANAGE, PREVIEW, MailAdmin, actor, explain_database_errors
from django_sespan.admin.mail.filters import Filters, mail_number
from django_sespan.admin.mail.preview import mail_content, page_policy
from django_sespan.admin.mail.timeline import timeline
from django_sespan.admin.page import Tool
from django_sespan.mail import queue_admin
from django_sespan.mail.search import Page, search
from django_sespan.models import MailMessage

SEE_ALSO = 3
"""Recipients of a mail that it leads to."""


@admin.register(MailMessage)
class MailMessageAdmin(MailAdmin):
    """What was queued, the state of each recipient, and the actions of staff."""

    def get_urls(self) -> list[URLPattern]:
        """Add the preview and the actions of one mail."""
        own = [("preview", self.preview_view), ("act", self.act_view)]
        return [
            path(
                f"<int:message_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"sespan_mailmessage_{name}",
            )
            for name, view in own
        ] + super().get_urls()

    @explain_database_errors
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a page of mails; on POST, retry or cancel those that are ticked."""
        self.allow(request)
        if request.method == "POST":
            ticked = request.POST.getlist("_selected_action")
            ids = [number for number in map(mail_number, ticked) if number]
            return self._act(request, ids, request.get_full_path())
        form = Filters(request.GET)
        criteria = form.criteria()
        if form.number is not None:
            return HttpResponseRedirect(self._url(form.number))
        enter(self.using, Entry("read", "mail", detail=request.META.get("QUERY_STRING") or None))
        page = search(self.using, criteria) if form.is_valid() else Page([])
        context = {
            "title": _("Mails"),
            "tools": [Tool(self.url_of("changelist", "mailqueue"), _("Mail queue"))],
            "form": form,
            "page": page,
            "total": _total(page, form, queue_admin.estimate(self.using)),
            "pauses": queue_admin.pauses(self.using),
            "older": form.link(before=page.older) if page.older else None,
            "newest": form.link() if criteria.before else None,
        }
        return self.page(request, "mail_list.html", context)

    @explain_database_errors
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the state of a mail, the reason and the timeline."""
        self.allow(request)
        if request.method == "POST":
            raise PermissionDenied  # read only
        mail = self._mail(mail_number(object_id))
        enter(self.using, Entry("read", "mail", str(mail.pk)))
        recipients = queue_admin.why(self.using, mail.pk)
        context = {
            "title": _("Mail %(number)s") % {"number": mail.pk},
            "subtitle": mail.subject,
            "mail": mail,
            "recipients": recipients,
            "timeline": timeline(mail, recipients, queue_admin.audits(self.using, mail.pk)),
            "wiped_at": mail.wiped_at,
            "is_private": is_private(mail.category),
            "see_also": _see_also(request, mail),
            "can_retry": any(r["state"] in actions.RETRYABLE for r in recipients),
            "can_cancel": any(r["state"] in actions.CANCELLABLE for r in recipients),
        }
        return self.page(request, "mail_page.html", context)

    @method_decorator(require_POST)
    @explain_database_errors
    def act_view(self, request: HttpRequest, message_id: int) -> HttpResponse:
        """Retry or cancel one mail."""
        return self._act(request, [message_id], self._url(message_id))

    @method_decorator(require_POST)  # it is recorded in the audit, so no prefetch may trigger it
    @explain_database_errors
    def preview_view(self, request: HttpRequest, message_id: int) -> HttpResponse:
        """Show the content, unless it is private; the database records who read it."""
        self.allow(request, PREVIEW)
        if is_private(self._mail(message_id).category):
            messages.warning(request, _("Mails of this category are shown to nobody."))
            return HttpResponseRedirect(self._url(message_id))
        preview = queue_admin.preview(self.using, message_id, actor(request))
        if preview is None:
            raise Http404
        context = {
            "title": _("Content of mail %(number)s") % {"number": message_id},
            "subtitle": preview["subject"],
            "content": mail_content(preview),
        }
        page = self.page(request, "mail_preview.html", context)
        page.headers["Content-Security-Policy"] = page_policy()
        page.headers["X-DNS-Prefetch-Control"] = "off"
        return page

    def _act(self, request: HttpRequest, ids: list[int], back: str) -> HttpResponse:
        self.allow(request, MANAGE)
        action = actions.ACTIONS.get(request.POST.get("action", ""))
        if action is None or not ids:
            messages.warning(request, _("Choose mails and what to do with them."))
            return HttpResponseRedirect(back)
        if action.needs_confirmation and "sure" not in request.POST:
            context = {"title": action.question, "action": action, "ids": ids, "back": back}
            return self.page(request, "mail_confirm.html", context)
        actions.report(request, action, action.call(self.using, ids, actor(request)))
        return HttpResponseRedirect(back)

    def _mail(self, number: int | None) -> MailMessage:
        mail = MailMessage.objects.using(self.using).filter(pk=number).first() if number else None
        if mail is None:
            raise Http404(_("There is no mail with this number (any more)."))
        return mail

    def _url(self, message_id: int) -> str:
        return reverse(
            "admin:sespan_mailmessage_change", args=[message_id], current_app=self.admin_site.name
        )


def _total(page: Page, form: Filters, estimate: int) -> str:
    """Say how many mails there are: exactly where the page has them all, nothing unknown."""
    seen = len(page.rows)
    if not form.values and page.complete and page.older is None:
        return ngettext("%(count)d mail in all", "%(count)d mails in all", seen) % {"count": seen}
    if estimate <= seen:  # of the last ANALYZE, which is long ago
        return ""
    return _("about %(count)s mails in all") % {"count": number_format(estimate)}


def _see_also(request: HttpRequest, mail: MailMessage) -> str:
    """Lead to the accounts and the codes of the first recipients, and to other mails to them."""
    found: list[links.Link | None] = []
    for address in list(mail.to_addresses)[:SEE_ALSO]:
        user = with_email(address, hidden=True).first()
        if user is not None and (url := page_of(request.user, user.pk)):
            found.append(links.Link(url, _("The customer %(who)s") % {"who": address}))
        for model, text in (("mailmessage", _("Mails to %(who)s")), ("otp", _("Codes to %(who)s"))):
            found.append(links.to_list(request, model, address, text % {"who": address}))
    return links.written(found)
