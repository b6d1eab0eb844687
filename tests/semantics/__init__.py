"""Behaviour stories: what a program that differentiates may rely on, one topic a file."""
