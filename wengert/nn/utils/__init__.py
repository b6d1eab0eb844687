"""Tools for modules and their parameters (`torch.nn.utils`)."""
