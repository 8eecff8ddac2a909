"""A site whose users log in by a number; `test_site_user_models.py` runs it."""
