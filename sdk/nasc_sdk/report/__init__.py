"""What a demo leaves: its summary as data, and a self-contained HTML page made from it."""
