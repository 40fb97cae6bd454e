"""Microcontrollers: models compiled for the firmware, and the serial port that reaches it."""
