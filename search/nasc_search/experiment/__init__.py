"""Experiments on measured benchmarks: joint search of architecture and split against searches that ignore the split."""
