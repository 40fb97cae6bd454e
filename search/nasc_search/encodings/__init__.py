"""Cut encodings: what narrows a cut, how it is trained, and what it costs in accuracy."""
