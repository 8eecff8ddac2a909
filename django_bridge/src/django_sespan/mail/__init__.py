"""`EMAIL_BACKEND = "django_sespan.mail.EmailBackend"`."""

from django_sespan.mail.backend import EmailBackend, OutsideTransaction

__all__ = ["EmailBackend", "OutsideTransaction"]
