"""The page Help for customers: why a customer gets no mail, and what lets that customer in."""

from django_sespan.admin.customer_help.action import help_customer
from django_sespan.admin.customer_help.admin import CustomerHelpAdmin

__all__ = ["CustomerHelpAdmin", "help_customer"]
