"""Judgement of the operator library: every record under every check."""
