"""Weights fetched from the network, under an older name (`torch.utils.model_zoo`)."""

from __future__ import annotations

from wengert.hub import load_state_dict_from_url, tqdm

load_url = load_state_dict_from_url

__all__ = ["load_state_dict_from_url", "load_url", "tqdm"]
