"""The one-shot supernet: weights shared by all architectures of a space, trained, folded and evaluated."""
