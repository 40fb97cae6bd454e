"""Whole-network figures of a device nobody knows, from a handful of samples and the devices that are known.

``measured.npz -> learn -> known (coefficients, shipped) -> gaussian.Prior -> predictor (samples) -> Figures``

``basis.py`` says what a space's features are (``cells.py`` for NAS-Bench-201, ``layers.py`` for FBNet), ``choose.py``
which architecture to measure next, ``evaluate.py`` how good all that is on a file of measurements.
"""
