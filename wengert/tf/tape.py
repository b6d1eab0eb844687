"""`GradientTape`: which stretch of the graph a gradient follows.

Whatever runs while a tape does is recorded on the one graph; the tape remembers the span of node numbers. `gradient`
sweeps only through nodes of its spans. With several tapes at once a node belongs to those that watch something that
it depends on.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from wengert.core.base.errors import WengertError
from wengert.core.tape.core import RECORDED, AccumulateGrad
from wengert.tf import dtypes, nest
from wengert.tf.conversion import convert_to_tensor
from wengert.tf.recording import STARTED, STATE, TensorBase, start, stop
from wengert.tf.slices import IndexedSlices
from wengert.tf.sweeping import Record, batched, gradients
from wengert.tf.tensor import Tensor, dress, from_array, lasting
from wengert.tf.variable import Variable


class UnconnectedGradients(enum.Enum):
    """What stands for the gradient of a source that the target does not depend on: None, or zeros."""

    NONE = "none"
    ZERO = "zero"


def connection(value: Any) -> UnconnectedGradients:
    """The choice that `value` names. Raises ValueError for any other."""
    try:
        return UnconnectedGradients(value)
    except ValueError:
        raise ValueError(f"Unknown value for unconnected_gradients: {value!r}") from None


SPENT = "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)"


class GradientTape:
    """Records operations, to differentiate along them.

    persistent: `gradient` may be called more than once. watch_accessed_variables: trainable Variables are watched when
    they are read.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent = persistent
        self.automatic = watch_accessed_variables
        self.records = True
        self.variables: dict[int, Any] = {}
        self.record: Record | None = None
        self.found_off: Any = None
        self._recording = False
        self.quiet = False
        self.marked: list[Any] = []

    @property
    def first(self) -> int:
        """Number from which nodes may be on this tape."""
        return 0 if self.record is None else self.record.first

    # ------------------------------------------------------------ running

    def __enter__(self) -> GradientTape:
        self._push_tape()
        return self

    def __exit__(self, typ: Any, value: Any, traceback: Any) -> None:
        if self._recording:
            self._pop_tape()

    def _push_tape(self) -> None:
        if self._recording:
            raise ValueError("Tape is still recording, This can happen if you try to re-enter an already-active tape.")
        if self.record is None:
            self.record = Record()
            STARTED.add(self)
        self.record.begin()
        start(self)
        tapes = STATE.get().live
        if len(tapes) > 1:
            for tape in tapes:
                tape.record.alone = False
        self._recording = True

    def _pop_tape(self) -> None:
        if not self._recording:
            raise ValueError("Tape is not recording.")
        self.record.end()  # type: ignore[union-attr]
        stop(self)
        self._recording = False
        for x, leaf in self.marked:
            if x._node is leaf and not STATE.get().live:
                x._node, x._flags = None, x._flags & ~1
        self.marked.clear()

    def reset(self) -> None:
        """Forget everything recorded and watched, as if the tape had just been entered."""
        self._pop_tape()
        self.record = None
        self.variables = {}
        self._push_tape()

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Record nothing inside the `with` block. Raises RuntimeError if the tape is not recording."""
        if not self._recording:
            raise RuntimeError("Trying to stop recording a tape which is not recording.")
        self._pop_tape()
        try:
            yield
        finally:
            self._push_tape()

    # ------------------------------------------------------------ watching

    def watch(self, tensor: Any) -> None:
        """Record what is done with a tensor, a Variable or every one in a nested structure.

        Warns about dtypes that have no gradient. Raises ValueError for anything else.
        """
        for x in nest.flatten(tensor):
            if not isinstance(x, TensorBase):
                raise ValueError(
                    f"Passed in object {x} of type {type(x).__name__!r}, not tf.Tensor or tf.Variable or ExtensionType."
                )
            if x._array.dtype.kind not in "fVc":
                warn(
                    f"The dtype of the watched tensor must be floating (e.g. tf.float32), got "
                    f"{dtypes.OF[x._array.dtype]!r}"
                )
                continue
            if self.record is None:
                raise AttributeError(
                    "'NoneType' object has no attribute '_tape': enter the tape before watching a tensor"
                )
            if isinstance(x, Variable):
                x = x.__dict__.get("owner", x)
                self.variables[id(x)] = x
            else:
                self.watch_tensor(x)

    def watch_tensor(self, x: Any) -> None:
        """Make a tensor a place where gradients of this tape end."""
        record: Any = self.record
        if not lasting(x) and not (x._flags & 1 and x._node._seq >= STATE.get().floor):
            if x._flags & 1:
                leave_behind(x)
            leaf = AccumulateGrad(x)
            x._node, x._flags = leaf, x._flags & 0xFE | 1
            if not isinstance(x, Tensor):
                self.marked.append((x, leaf))
        record.leaves[id(x)] = (x, x._node, x._flags >> 8)

    def watched_variables(self) -> tuple[Any, ...]:
        """The Variables watched, in the order in which they were first met."""
        return tuple(self.variables.values())

    def watched_nodes(self) -> Any:
        """Nodes where this tape's history begins; None where it need not be told from that of other tapes."""
        record: Any = self.record
        if record.alone:
            return None
        return {node for _, node, _ in record.leaves.values()} | {v._leaf for v in self.variables.values()}

    # ------------------------------------------------------------ differentiating

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:  # fmt: skip
        """Gradients of `target` (of the sum of all, if several) at `sources`, in the structure of `sources`.

        None (or zeros) for a source that `target` does not depend on; IndexedSlices for one that rows were looked up
        in. Recorded by the other tapes that are running. Raises RuntimeError if a tape that is not persistent was used
        before, TypeError for a target of None.
        """
        zero = connection(unconnected_gradients) is UnconnectedGradients.ZERO
        targets, flat, given = self.arguments(target, sources, output_gradients)
        record: Any = self.record
        found = gradients(targets, flat, given, record, self.watched_nodes(), self._persistent or not record.alone)
        if zero:
            found = [zeros_of(x) if g is None else g for x, g in zip(flat, found, strict=True)]
        if not self._persistent:
            self.record = None
        if sources.__class__ is list:
            return found if len(found) == len(sources) else nest.pack_sequence_as(sources, found)
        return nest.pack_sequence_as(sources, found) if nest.is_nested(sources) else found[0]

    def arguments(self, target: Any, sources: Any, output_gradients: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """Targets, sources and first gradients, checked; a tape that is not persistent stops recording."""
        if self.record is None:
            raise RuntimeError(SPENT)
        if self._recording:
            if self._persistent:
                if not self.quiet:
                    warn(
                        "Calling GradientTape.gradient on a persistent tape inside its context is significantly "
                        "less efficient "
                        "than calling it outside the context (it causes the gradient ops to be recorded on the "
                        "tape, leading to "
                        "increased CPU and memory usage). Only call GradientTape.gradient inside the context if "
                        "you actually "
                        "want to trace the gradient in order to compute higher order derivatives."
                    )
            else:
                self._pop_tape()
        if target is None:
            raise TypeError(
                "Argument `target` should be a list or nested structure of Tensors, Variables or "
                "CompositeTensors to be "
                "differentiated, but received None."
            )
        targets = [differentiable(x, "target") for x in nest.flatten(target)]
        flat = [differentiable(x, "source") for x in nest.flatten(sources)]
        given: list[Any] = [None] * len(targets)
        if output_gradients is not None:
            given = [None if g is None else convert_to_tensor(g) for g in nest.flatten(output_gradients)]
            # As in TensorFlow, targets behind the last gradient begin with ones.
            given = [*given, *[None] * len(targets)][: len(targets)]
        return targets, flat, given

    def jacobian(
        self, target: Any, sources: Any, unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None, experimental_use_pfor: bool = True,
    ) -> Any:  # fmt: skip
        """Derivative of every element of `target` at every element of `sources`: shape `target.shape + source.shape`.

        experimental_use_pfor: one batched sweep for all elements rather than one sweep each.
        """
        zero = connection(unconnected_gradients) is UnconnectedGradients.ZERO
        (y,), flat, _ = self.arguments(target, sources, None)
        rows = self.rows(y, flat, experimental_use_pfor)
        shape = y._array.shape
        out: list[Any] = []
        for x, g in zip(flat, rows, strict=True):
            if g is None and zero:
                g = from_array(np.zeros((max(y._array.size, 1), *x._array.shape), x._array.dtype))
            out.append(g if g is None else dress(RECORDED.reshape(g, (*shape, *x._array.shape)), g))
        if not self._persistent:
            self.record = None
        return nest.pack_sequence_as(sources, out) if nest.is_nested(sources) else out[0]

    def rows(self, y: Any, flat: list[Any], together: bool) -> list[Any]:
        """Gradients of the single elements of y, stacked; None for a source that y does not depend on."""
        count, a = y._array.size, y._array
        record: Any = self.record
        eye = from_array(
            np.eye(count, dtype=a.dtype if a.dtype.kind in "fc" else np.float32)
            .astype(a.dtype)
            .reshape(count, *a.shape)
        )
        if together and count:
            try:
                return batched(y, flat, eye, record, self.watched_nodes())
            except (WengertError, NotImplementedError):
                pass
        found = [
            [None if g is None else convert_to_tensor(g) for g in
             gradients([y], flat, [from_array(row)], record, self.watched_nodes(), True)]
            for row in eye._array
        ]  # fmt: skip
        return [
            None if not column or column[0] is None else dress(RECORDED.stack(list(column)), *column)
            for column in zip(*found, strict=True)
        ]

    def batch_jacobian(
        self, target: Any, source: Any, unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None, experimental_use_pfor: bool = True,
    ) -> Any:  # fmt: skip
        """Jacobians of `target[i]` at `source[i]` for every entry of the batch: shape `(batch, target, source)`.

        `target[i]` is taken to depend on `source[i]` only. Raises ValueError for batches of different size.
        """
        x, y = source, target
        for z in (x, y):
            if z._array.ndim < 2:
                raise ValueError(f"Shape {tuple(z._array.shape)} must have rank at least 2")
        if x._array.shape[0] != y._array.shape[0]:
            raise ValueError(
                f"Need first dimension of target shape ({tuple(y._array.shape)}) and source shape "
                f"({tuple(x._array.shape)}) to match."
            )
        zero = connection(unconnected_gradients) is UnconnectedGradients.ZERO
        (y,), (x,), _ = self.arguments(y, x, None)
        batch, size = y._array.shape[0], y._array.size // max(y._array.shape[0], 1)
        out = self.batch_rows(y, x, batch, size, experimental_use_pfor)
        if not self._persistent:
            self.record = None
        shape = (batch, *y._array.shape[1:], *x._array.shape[1:])
        if out is None:
            return from_array(np.zeros(shape, x._array.dtype)) if zero else None
        return dress(RECORDED.reshape(RECORDED.transpose(out, 0, 1), shape), out)

    def batch_rows(self, y: Any, x: Any, batch: int, size: int, together: bool) -> Any:
        """Gradients of each element of an entry, for all entries at once: `(size, batch, source)`, or None."""
        record: Any = self.record
        eye = np.eye(size, dtype=np.float32).astype(y._array.dtype)
        rows = np.repeat(eye[:, None], batch, 1).reshape(size, *y._array.shape)
        if together:
            try:
                return batched(y, [x], from_array(rows), record, self.watched_nodes())[0]
            except (WengertError, NotImplementedError):
                pass
        found = [gradients([y], [x], [from_array(row)], record, self.watched_nodes(), True)[0] for row in rows]
        if not found or found[0] is None:
            return None
        found = [convert_to_tensor(g) for g in found]
        return dress(RECORDED.stack(found), *found)


def leave_behind(x: Any) -> None:
    """Let tapes gone by keep the history that a tensor is about to lose."""
    for tape in STARTED:
        record = tape.record
        if record is not None and not tape._recording and id(x) not in record.leaves and record.covers(x._node):
            record.moved[id(x)] = (x, x._node, x._flags >> 8)


def differentiable(x: Any, what: str) -> Any:
    """A target or source. Warns about dtypes without gradient; raises TypeError for what is no tensor."""
    if isinstance(x, Variable):
        owner = x.__dict__.get("owner", x)
        if owner._array.dtype.kind not in "fVc":
            no_gradient_warning(owner, what)
        return owner
    if isinstance(x, IndexedSlices):
        return convert_to_tensor(x)
    if not isinstance(x, TensorBase):
        if hasattr(x, "dtype"):
            raise ValueError(f"Passed in object of type {type(x)}, not tf.Tensor")
        if isinstance(x, (str, bytes)) or x is None:
            dtypes.as_dtype(x)
        raise AttributeError(
            f"{type(x).__name__!r} object has no attribute 'dtype': the {what} of a gradient is a tensor"
        )
    if x._array.dtype.kind not in "fVc":
        no_gradient_warning(x, what)
    return x


def no_gradient_warning(x: Any, what: str) -> None:
    """Say that a dtype has no gradients."""
    warn(
        f"The dtype of the {what} tensor must be floating (e.g. tf.float32) when calling GradientTape.gradient, got "
        f"{dtypes.OF[x._array.dtype]!r}"
    )


def zeros_of(x: Any) -> Any:
    """Zeros of a source's shape and dtype."""
    return from_array(np.zeros_like(x._array))


def warn(message: str) -> None:
    """A message to TensorFlow's log, once for each text."""
    if message not in WARNED:
        from logging import getLogger

        WARNED.add(message)
        getLogger("tensorflow").warning(message)


WARNED: set[str] = set()
__all__ = ["GradientTape", "UnconnectedGradients"]
