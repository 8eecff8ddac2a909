"""Sespan's tables as unmanaged models: one file per noun.

`managed = False` with real migrations: Django makes no table, but knows content types
and permissions. The table names are quoted into the schema `sespan`. Keys to the user
are DO_NOTHING without a constraint, so that deleting a user never touches these tables.
"""

from django_sespan.models.access import Access
from django_sespan.models.apilog import ApiLog
from django_sespan.models.audit import AuditEntry
from django_sespan.models.customer_help import CustomerHelp
from django_sespan.models.key import ApiKey
from django_sespan.models.mail import MailMessage, MailQueue, MailRecipient
from django_sespan.models.otp import Otp
from django_sespan.models.tier import TransactionTier
from django_sespan.models.transaction import TransactionLog

__all__ = [
    "Access",
    "ApiKey",
    "ApiLog",
    "AuditEntry",
    "CustomerHelp",
    "MailMessage",
    "MailQueue",
    "MailRecipient",
    "Otp",
    "TransactionLog",
    "TransactionTier",
]
