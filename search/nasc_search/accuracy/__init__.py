"""Accuracy of sub-networks that nobody evaluated."""
