"""Mails and the queue in the admin: a list, a page for each mail, what is sent or paused."""

from django_sespan.admin.mail.message import MailMessageAdmin
from django_sespan.admin.mail.queue import MailQueueAdmin

__all__ = ["MailMessageAdmin", "MailQueueAdmin"]
