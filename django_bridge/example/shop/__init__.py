"""Toko Kopi Sespan: a small Django shop that Sespan rides beside."""
