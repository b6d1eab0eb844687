"""Translations of operators for ONNX operator set 11: none, because nothing is exported."""
