"""How a tensor lies on the processes along one dimension of a mesh (`torch.distributed.tensor.placement_types`)."""

from __future__ import annotations


class Placement:
    """What each process along a dimension of a mesh holds."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether it is a piece, of the dimension `dim` if one is given."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Whether it is the whole tensor."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Whether it is a term of the tensor, of the reduction `reduce_op` if one is given."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)

    def fields(self) -> tuple[object, ...]:
        """What a placement of this class is made of."""
        return ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Placement) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.fields()))


class Shard(Placement):
    """A piece of the dimension `dim`: pieces are as long as those of `chunk`, the last ones shorter or empty."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def fields(self) -> tuple[object, ...]:
        """The dimension."""
        return (self.dim,)

    @staticmethod
    def local_shard_size_and_offset(curr_local_size: int, num_chunks: int, rank: int) -> tuple[int, int]:
        """Length and start of the piece of a rank, of a dimension of `curr_local_size`."""
        length = -(-curr_local_size // num_chunks)
        start = min(length * rank, curr_local_size)
        return min(length, curr_local_size - start), start

    def __repr__(self) -> str:
        return f"Shard(dim={self.dim})"

    def __str__(self) -> str:
        return f"S({self.dim})"


class _StridedShard(Shard):
    """A piece of each of `split_factor` parts of the dimension `dim`, joined."""

    def __init__(self, dim: int, *, split_factor: int) -> None:
        super().__init__(dim)
        self.split_factor = split_factor

    def fields(self) -> tuple[object, ...]:
        """The dimension and the number of parts."""
        return (self.dim, self.split_factor)

    def __repr__(self) -> str:
        return f"_StridedShard(dim={self.dim}, sf={self.split_factor})"

    def __str__(self) -> str:
        return f"_S({self.dim}, {self.split_factor})"


class Replicate(Placement):
    """The whole tensor."""

    def __repr__(self) -> str:
        return "Replicate()"

    def __str__(self) -> str:
        return "R"


class Partial(Placement):
    """A term of the tensor, which is the `reduce_op` of all terms."""

    def __init__(self, reduce_op: str = "sum") -> None:
        self.reduce_op = reduce_op

    def fields(self) -> tuple[object, ...]:
        """The reduction."""
        return (self.reduce_op,)

    def __repr__(self) -> str:
        return f"Partial({self.reduce_op})"

    def __str__(self) -> str:
        return f"P({self.reduce_op})"


__all__ = ["Partial", "Placement", "Replicate", "Shard"]
