"""Boards as TOML files, and the firmware's sources in C: data that nasc_sdk.mcu reads and builds."""
