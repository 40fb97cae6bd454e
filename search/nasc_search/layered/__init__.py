"""Spaces too large to list, whose layers add up: exact search by sums, and what it finds as a catalogue."""
