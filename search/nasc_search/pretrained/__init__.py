"""Trained supernets: the shipped demo, or a folder that ``nasc-sdk train`` made."""
