"""Softmax over many classes in clusters of falling frequency."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from wengert.core.base.errors import ShapeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.nn.modules.container import ModuleList, Sequential
from wengert.nn.modules.linear import Linear
from wengert.nn.modules.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """log-probability of the target, classes beyond each cutoff in a cluster of its own with a narrower projection.

    Gives (output (N,), loss). Source: E. Grave et al., Efficient softmax approximation for GPUs (2017).
    Raises: ValueRangeError for cutoffs that are not increasing inside [1, n_classes - 1].
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
        head_bias: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueRangeError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(cutoffs) or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1
            or len(set(cutoffs)) != len(cutoffs) or any(int(c) != c for c in cutoffs)
        ):  # fmt: skip
            raise ValueRangeError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                "value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        options = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **options), Linear(width, size, bias=False, **options)
                )
            )

    def reset_parameters(self) -> None:
        """Draw new values."""
        self.head.reset_parameters()
        for first, second in self.tail:  # type: ignore[misc]
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Any, target_: Any) -> Any:
        """(log-probability of each target, minus their mean)."""
        self._check(input_, target_)
        single = target_.dim() == 0
        input, target = (input_.unsqueeze(0), target_.unsqueeze(0)) if single else (input_, target_)
        output = creation.zeros(target.size(0), dtype=input.dtype)
        head_index = target.new_empty(target.size(0))
        used = 0
        low = 0
        for i, high in enumerate(self.cutoffs):
            rows = m.logical_and(target >= low, target < high).nonzero().squeeze(1)
            used += rows.numel()
            if rows.numel() and i == 0:
                head_index.index_copy_(0, rows, target[rows])
            elif rows.numel():
                scores = m.log_softmax(self.tail[i - 1](input.index_select(0, rows)), 1)
                place = (target[rows] - low).unsqueeze(1)
                head_index.index_fill_(0, rows, self.shortlist_size + i - 1)
                output = output.index_copy(0, rows, scores.gather(1, place).squeeze(1))
            low = high
        if used != target.size(0):
            raise ShapeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        head = m.log_softmax(self.head(input), 1)
        output = output + head.gather(1, head_index.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if single else output, loss)

    def _check(self, input: Any, target: Any) -> None:
        dims = target.dim()
        if dims > 1:
            raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
        if input.dim() != dims + 1:
            raise ShapeError(f"{dims}D target tensor expects {dims + 1}D input tensors, but found inputs with sizes "
                             f"{list(input.shape)}.")  # fmt: skip
        if dims == 1 and input.size(0) != target.size(0):
            raise ShapeError("Input and target should have the same size in the batch dimension.")

    def _get_full_log_prob(self, input: Any, head_output: Any) -> Any:
        head = m.log_softmax(head_output, 1)
        parts = [head[:, : self.shortlist_size]]
        for i in range(self.n_clusters):
            inside = m.log_softmax(self.tail[i](input), 1)
            parts.append(inside + head[:, self.shortlist_size + i].unsqueeze(1))
        return m.cat(parts, 1)

    def log_prob(self, input: Any) -> Any:
        """log-probabilities of all classes."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Any) -> Any:
        """The most probable class of each row."""
        return m.argmax(self.log_prob(input), 1)
