"""Translations of operators for ONNX operator set 13: none, because nothing is exported."""
