"""Measuring latency on this machine: plan in, Profile out."""
