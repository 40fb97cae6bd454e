"""Regime maps: which candidate is best over which links, at one limit."""
