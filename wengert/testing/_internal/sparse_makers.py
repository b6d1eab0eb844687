"""Random sparse tensors, as methods of test cases."""

from __future__ import annotations

import math
from typing import Any

import wengert as torch
from wengert.testing._creation import make_tensor


class SparseMakers:
    """Methods `gen...` that make sparse tensors of a given size and number of entries."""

    @staticmethod
    def _make_crow_indices(n_rows: int, n_cols: int, nnz: int, *, device: Any, dtype: Any, random: bool = True) -> Any:
        if not 0 <= nnz <= n_rows * n_cols:
            raise AssertionError(f"nnz must lie between 0 and {n_rows * n_cols}, got {nnz}")
        if random:
            taken = torch.randperm(n_rows * n_cols)[:nnz] // max(n_cols, 1)
        else:
            taken = torch.arange(nnz) // max(n_cols, 1)
        counts = torch.bincount(taken, minlength=n_rows) if n_rows else torch.zeros(0, dtype=torch.int64)
        return torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)]).to(dtype=dtype, device=device)

    def genSparseCompressedTensor(
        self, size: Any, nnz: int, *, layout: Any, device: Any, dtype: Any, index_dtype: Any, blocksize: Any = (),
        dense_dims: int = 0,
    ) -> Any:  # fmt: skip
        """A compressed sparse tensor with `nnz` entries in each matrix of the batch."""
        size, blocksize = tuple(size), tuple(blocksize)
        end = len(size) - dense_dims
        batch, matrix, dense = size[: end - 2], size[end - 2 : end], size[end:]
        rows, columns = (n // b for n, b in zip(matrix, blocksize or (1, 1)))
        if layout in (torch.sparse_csc, torch.sparse_bsc):
            rows, columns = columns, rows
        count = nnz // math.prod(blocksize)
        parts = []
        for _ in range(math.prod(batch)):
            starts = self._make_crow_indices(rows, columns, count, device=device, dtype=index_dtype)
            widths = (starts[1:] - starts[:-1]).tolist()
            order = [torch.randperm(columns, dtype=index_dtype, device=device)[:n].sort().values for n in widths]
            plain = torch.cat(order) if order else torch.zeros(0, dtype=index_dtype, device=device)
            low, high = (0, 2) if dtype == torch.uint8 else (-1, 1)
            values = make_tensor((count, *blocksize, *dense), device=device, dtype=dtype, low=low, high=high)
            parts.append((starts, plain, values))
        starts, plain, values = (torch.stack(part).reshape(*batch, *part[0].shape) for part in zip(*parts))
        return torch.sparse_compressed_tensor(
            starts, plain, values, size=size, dtype=dtype, layout=layout, device=device
        )

    def genSparseCSRTensor(
        self, size: Any, nnz: int, *, device: Any, dtype: Any, index_dtype: Any, dense_dims: int = 0
    ) -> Any:
        """A tensor with compressed rows."""
        kinds = {"device": device, "dtype": dtype, "index_dtype": index_dtype, "dense_dims": dense_dims}
        return self.genSparseCompressedTensor(size, nnz, layout=torch.sparse_csr, **kinds)

    def genSparseCSCTensor(
        self, size: Any, nnz: int, *, device: Any, dtype: Any, index_dtype: Any, dense_dims: int = 0
    ) -> Any:
        """A tensor with compressed columns."""
        kinds = {"device": device, "dtype": dtype, "index_dtype": index_dtype, "dense_dims": dense_dims}
        return self.genSparseCompressedTensor(size, nnz, layout=torch.sparse_csc, **kinds)

    def genSparseBSRTensor(self, size: Any, blocksize: Any, nnz: int, **kinds: Any) -> Any:
        """A tensor with compressed rows of blocks."""
        return self.genSparseCompressedTensor(size, nnz, layout=torch.sparse_bsr, blocksize=blocksize, **kinds)

    def genSparseBSCTensor(self, size: Any, blocksize: Any, nnz: int, **kinds: Any) -> Any:
        """A tensor with compressed columns of blocks."""
        return self.genSparseCompressedTensor(size, nnz, layout=torch.sparse_bsc, blocksize=blocksize, **kinds)

    def genSparseTensor(
        self, size: Any, sparse_dim: int, nnz: int, is_uncoalesced: bool, device: Any, dtype: Any
    ) -> tuple[Any, Any, Any]:
        """A tensor of coordinates, its indices and its values; uncoalesced ones have each index twice."""
        if nnz and not all(n > 0 for n in size[:sparse_dim]):
            raise AssertionError(f"invalid arguments: size={size}, sparse_dim={sparse_dim}, nnz={nnz}")
        values = make_tensor([nnz, *size[sparse_dim:]], device=device, dtype=dtype, low=-1, high=1)
        places = torch.rand(sparse_dim, nnz, device=device)
        places = (places * torch.tensor(size[:sparse_dim]).unsqueeze(1).to(places)).to(torch.int64)
        if is_uncoalesced:
            places = torch.cat([places[:, : nnz // 2], places[:, : (nnz + 1) // 2]], 1)
        x = torch.sparse_coo_tensor(places, values, torch.Size(size), dtype=dtype, device=device)
        x = x.detach().clone() if is_uncoalesced else x.coalesce()
        return x, x._indices().clone(), x._values().clone()

    def safeToDense(self, t: Any) -> Any:
        """The dense tensor of a sparse one; the coalesced one where entries share a place."""
        return t.coalesce().to_dense() if t.layout == torch.sparse_coo else t.to_dense()
