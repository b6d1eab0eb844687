# The C side of loops_products.py: nothing of its own.
