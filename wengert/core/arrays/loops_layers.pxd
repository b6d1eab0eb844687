# The C side of loops_layers.py: nothing of its own.
