"""One-shot search: shared weights and a distribution over architecture, cut and encoding, trained together."""
