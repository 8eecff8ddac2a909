"""`manage.py sespan_init`."""
