# The C side of loops_places.py: nothing of its own.
