# ruff: noqa: F403
from oscar.apps.customer.models import *
