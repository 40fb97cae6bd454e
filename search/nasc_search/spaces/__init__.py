"""Search spaces: each file describes one, as networks of the IR."""
