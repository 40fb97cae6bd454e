"""What a block or a head costs on a device: feature keys and the fitted model."""
