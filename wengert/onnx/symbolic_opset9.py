"""Translations of operators for ONNX operator set 9: none, because nothing is exported."""
