"""Tensors: the class, views, indexing, creation and printing."""
