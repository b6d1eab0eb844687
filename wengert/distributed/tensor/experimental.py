"""What `torch.distributed.tensor` tries out."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def implicit_replication() -> Iterator[None]:
    """Within the block, plain tensors that meet a DTensor are taken as replicated; here they always are."""
    yield


__all__ = ["implicit_replication"]
