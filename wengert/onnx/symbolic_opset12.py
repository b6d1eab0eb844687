"""Translations of operators for ONNX operator set 12: none, because nothing is exported."""
