"""`{% load sespan %}`."""
