# ruff: noqa: F403, F405
from oscar.apps.customer.models import *
