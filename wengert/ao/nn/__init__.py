"""Quantized layers (`torch.ao.nn`): none."""
