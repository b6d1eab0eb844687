"""Floor 0: the error tree and the settings, which everything above may use."""
