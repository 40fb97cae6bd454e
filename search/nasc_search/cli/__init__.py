"""Verbs of the search package."""
