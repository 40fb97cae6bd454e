"""The joint search over architecture, cut and cut encoding."""
