"""Translations of operators for ONNX operator set 10: none, because nothing is exported."""
