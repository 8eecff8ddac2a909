"""Where the site's default mails are queued."""

from __future__ import annotations

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMessage
from django.utils.module_loading import import_string

from django_sespan.mail.backend import EmailBackend


def queue_alias() -> str | None:
    """Return the database of the queue; None where the site's default backend is another one."""
    backend: object
    if getattr(settings, "MAILERS", None) and hasattr(mail, "mailers"):
        backend = mail.mailers.default  # Django 6.1
    else:
        backend_class = import_string(settings.EMAIL_BACKEND)
        ours = isinstance(backend_class, type) and issubclass(backend_class, EmailBackend)
        backend = backend_class() if ours else None
    return backend._alias(EmailMessage()) if isinstance(backend, EmailBackend) else None
