"""File formats: torch's zip archives of tensors, written and read without torch, and safetensors."""
