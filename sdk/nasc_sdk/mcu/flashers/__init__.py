"""What writes firmware onto boards: one file a tool; ``flasher.py`` says what they have in common."""
