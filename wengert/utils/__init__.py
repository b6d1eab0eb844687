"""Helpers around tensors (`torch.utils`): exchange with other libraries, checkpointing, data."""
