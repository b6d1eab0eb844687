"""Recurrent layers: RNN, LSTM, GRU over whole sequences, and their cells over single steps."""

from __future__ import annotations

import math
import warnings
from typing import Any

from wengert.core.base.errors import ArgumentError, ShapeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.nn import init
from wengert.nn.functional_recurrent import stacked
from wengert.nn.modules.linear import new_parameter
from wengert.nn.modules.module import Module
from wengert.nn.packed import PackedSequence

__all__ = ["RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def apply_permutation(tensor: Any, permutation: Any, dim: int = 1) -> Any:
    """The tensor with its entries along `dim` in another order."""
    return tensor.index_select(dim, permutation)


def whole(name: str, value: Any) -> None:
    """Refuse sizes that are no positive int."""
    if not isinstance(value, int):
        raise ArgumentError(f"{name} should be of type int, got: {type(value).__name__}")
    if value <= 0:
        raise ValueRangeError(f"{name} must be greater than zero, got {value}")


def check_dropout(dropout: Any, num_layers: int) -> float:
    """The probability as a float."""
    if isinstance(dropout, bool) or not 0 <= float(dropout) <= 1:
        raise ValueRangeError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
            f"got {dropout}"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    return float(dropout)


class RNNBase(Module):
    """What RNN, LSTM and GRU share: parameters of all layers and directions, and the checks of inputs.

    mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".  Parameters are weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0,
    (weight_hr_l0,) then the same with the suffix _reverse, then those of l1, ...; all start uniform in
    ±1 / sqrt(hidden_size).  Raises: ArgumentError, ValueRangeError.
    """

    __constants__ = [
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
        "proj_size",
    ]  # fmt: skip
    __jit_unused_properties__ = ["all_weights"]
    mode: str
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        dropout = check_dropout(dropout, num_layers)
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            whole(name, value)
        if proj_size < 0:
            raise ValueRangeError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueRangeError(f"proj_size has to be smaller than hidden_size: {proj_size} >= {hidden_size}")
        if mode not in _GATES:
            raise ValueRangeError(f"Unrecognized RNN mode: {mode}")
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                self._all_weights.append(self._make_layer(layer, suffix, {"device": device, "dtype": dtype}))
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self.reset_parameters()

    def _make_layer(self, layer: int, suffix: str, factory: dict[str, Any]) -> list[str]:
        """Register the parameters of one layer in one direction; their names."""
        rows = _GATES[self.mode] * self.hidden_size
        out = self.proj_size or self.hidden_size
        width = self.input_size if layer == 0 else out * (2 if self.bidirectional else 1)
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, out)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, f"{name}_l{layer}{suffix}", new_parameter(shape, **factory))
        return [f"{name}_l{layer}{suffix}" for name in shapes]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters, a list per layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing: parameters need no common memory here."""

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and every option that is not the default."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        for name, usual in (("bias", True), ("batch_first", False), ("dropout", 0), ("bidirectional", False)):
            value = getattr(self, name)
            if value is not usual and value != usual:
                text += f", {name}={value}"
        return text

    # ------------------------------------------------------------ checks

    def check_input(self, input: Any, batch_sizes: Any) -> None:
        """Dims, width and dtype of an input."""
        weight = getattr(self, self._flat_weights_names[0])
        if input.dtype != weight.dtype:
            raise ValueRangeError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        wanted = 2 if batch_sizes is not None else 3
        if input.dim() != wanted:
            raise ShapeError(f"input must have {wanted} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise ShapeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def get_expected_hidden_size(self, input: Any, batch_sizes: Any) -> tuple[int, int, int]:
        """Shape of the hidden state for an input."""
        batch = int(batch_sizes[0]) if batch_sizes is not None else input.size(0 if self.batch_first else 1)
        return self.num_layers * (2 if self.bidirectional else 1), batch, self.proj_size or self.hidden_size

    def check_hidden_size(
        self, hx: Any, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Refuse a state of another shape."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise ShapeError(msg.format(tuple(expected_hidden_size), list(hx.shape)))

    def check_forward_args(self, input: Any, hidden: Any, batch_sizes: Any) -> None:
        """Check an input and its state."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """The state with its sequences in another order."""
        return hx if permutation is None else apply_permutation(hx, permutation)

    # ------------------------------------------------------------ running

    def _check_dims(self, input: Any, word: str = "") -> None:
        if input.dim() not in (2, 3):
            raise ValueRangeError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D{word} instead"
            )

    def _zero_state(self, x: Any, batch: int, size: int) -> Any:
        count = self.num_layers * (2 if self.bidirectional else 1)
        return creation.zeros((count, batch, size), dtype=x.dtype, device=x.device)

    def _run(self, x: Any, batch_sizes: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
        """(outputs, last states) of all layers."""
        turned = self.batch_first and batch_sizes is None
        if turned:
            x = m.transpose(x, 0, 1)
        sizes = None if batch_sizes is None else tuple(batch_sizes.tolist())
        out, *lasts = stacked(
            self.mode.lower(), x, sizes, states, self._flat_weights, self.bias, self.num_layers, self.dropout,
            self.training, self.bidirectional,
        )  # fmt: skip
        return (m.transpose(out, 0, 1) if turned else out, *lasts)

    def _forward_one_state(self, input: Any, hx: Any, word: str = "") -> tuple[Any, Any]:
        """Forward of networks whose state is one tensor."""
        packed, order, back, batch_sizes, batched = input, None, None, None, True
        if isinstance(input, PackedSequence):
            input, batch_sizes, order, back = packed
            hx = hx if hx is None else self.permute_hidden(hx, order)
        else:
            self._check_dims(input, word)
            batched = input.dim() == 3
            if not batched:
                input = m.unsqueeze(input, 0 if self.batch_first else 1)
            if hx is not None:
                if hx.dim() != (3 if batched else 2):
                    kind = (
                        "batched 3-D input, hx should also be 3-D"
                        if batched
                        else "unbatched 2-D input, hx should also be 2-D"
                    )
                    raise ShapeError(f"For {kind} but got {hx.dim()}-D tensor")
                hx = hx if batched else m.unsqueeze(hx, 1)
        if hx is None:
            hx = self._zero_state(input, self.get_expected_hidden_size(input, batch_sizes)[1], self.hidden_size)
        self.check_forward_args(input, hx, batch_sizes)
        out, hidden = self._run(input, batch_sizes, (hx,))
        if batch_sizes is not None:
            return PackedSequence(out, batch_sizes, order, back), self.permute_hidden(hidden, back)
        if batched:
            return out, hidden
        return m.squeeze(out, 0 if self.batch_first else 1), m.squeeze(hidden, 1)


class RNN(RNNBase):
    """h[t] = tanh(x[t] @ w_ih.T + b_ih + h[t-1] @ w_hh.T + b_hh), or relu for nonlinearity="relu".

    Arguments: input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0,
    bidirectional=False.  Called with (input, hx=None): input (T, B, F) - (B, T, F) for batch_first, (T, F), or a
    PackedSequence - and hx (layers * directions, B, H); gives (outputs (T, B, directions * H), last hx).
    """

    nonlinearity: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueRangeError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity, args = args[3], (*args[:3], *args[4:])
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueRangeError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """(outputs, last state)."""
        return self._forward_one_state(input, hx, " tensor")


class GRU(RNNBase):
    """Gated recurrent units: h[t] = (1 - z) n + z h[t-1], with gates r, z and n = tanh(x part + r * hidden part).

    Arguments: input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0, bidirectional=False.
    Called with (input, hx=None) as RNN is.  Source: K. Cho et al. (2014), Learning phrase representations.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueRangeError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """(outputs, last state)."""
        return self._forward_one_state(input, hx)


class LSTM(RNNBase):
    """Long short-term memory: c[t] = f c[t-1] + i g, h[t] = o tanh(c[t]), gates of x[t] and h[t-1].

    Arguments: input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0, bidirectional=False,
    proj_size=0 (h is w_hr @ h if positive).  Called with (input, (h0, c0)=None) as RNN is; gives (outputs, (h, c)).
    Sources: S. Hochreiter and J. Schmidhuber (1997); H. Sak et al. (2014) for the projection.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Any, batch_sizes: Any) -> tuple[int, int, int]:
        """Shape of the cell state for an input."""
        count, batch, _ = self.get_expected_hidden_size(input, batch_sizes)
        return count, batch, self.hidden_size

    def check_forward_args(self, input: Any, hidden: Any, batch_sizes: Any) -> None:
        """Check an input and its two states."""
        self.check_input(input, batch_sizes)
        message = "Expected hidden[{}] size {{}}, got {{}}"
        self.check_hidden_size(hidden[0], self.get_expected_hidden_size(input, batch_sizes), message.format(0))
        self.check_hidden_size(hidden[1], self.get_expected_cell_size(input, batch_sizes), message.format(1))

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """The states with their sequences in another order."""
        return hx if permutation is None else tuple(apply_permutation(x, permutation) for x in hx)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """(outputs, (last h, last c))."""
        packed, order, back, batch_sizes, batched = input, None, None, None, True
        if isinstance(input, PackedSequence):
            input, batch_sizes, order, back = packed
            hx = hx if hx is None else self.permute_hidden(hx, order)
        else:
            self._check_dims(input)
            batched = input.dim() == 3
            if not batched:
                input = m.unsqueeze(input, 0 if self.batch_first else 1)
            if hx is not None:
                hx = self._block_states(hx, batched)
        if hx is None:
            batch = self.get_expected_hidden_size(input, batch_sizes)[1]
            hx = tuple(
                self._zero_state(input, batch, n) for n in (self.proj_size or self.hidden_size, self.hidden_size)
            )
        self.check_forward_args(input, hx, batch_sizes)
        out, hidden, cell = self._run(input, batch_sizes, tuple(hx))
        if batch_sizes is not None:
            return PackedSequence(out, batch_sizes, order, back), self.permute_hidden((hidden, cell), back)
        if batched:
            return out, (hidden, cell)
        return m.squeeze(out, 0 if self.batch_first else 1), (m.squeeze(hidden, 1), m.squeeze(cell, 1))

    def _block_states(self, hx: Any, batched: bool) -> Any:
        """The states with a batch dim."""
        dims = hx[0].dim(), hx[1].dim()
        wanted = 3 if batched else 2
        if dims != (wanted, wanted):
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise ShapeError(
                f"For {kind} input, hx and cx should also be {wanted}-D but got ({dims[0]}-D, {dims[1]}-D) tensors"
            )
        return hx if batched else tuple(m.unsqueeze(x, 1) for x in hx)


# ---------------------------------------------------------------- cells


class RNNCellBase(Module):
    """What the cells share: weight_ih, weight_hh, bias_ih, bias_hh, uniform in ±1 / sqrt(hidden_size)."""

    __constants__ = ["input_size", "hidden_size", "bias"]
    input_size: int
    hidden_size: int
    bias: bool
    weight_ih: Any
    weight_hh: Any

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = new_parameter((rows, input_size), device, dtype)
        self.weight_hh = new_parameter((rows, hidden_size), device, dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, new_parameter(rows, device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and every option that is not the default."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        kind = getattr(self, "nonlinearity", "tanh")
        return text if kind == "tanh" else f"{text}, nonlinearity={kind}"

    def _weights(self) -> tuple[Any, ...]:
        """Weights and biases; from the table of parameters where they are there, which is the shortest way."""
        own = self._parameters
        try:
            return own["weight_ih"], own["weight_hh"], own["bias_ih"], own["bias_hh"]
        except KeyError:
            return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _check(self, what: str, x: Any) -> None:
        if x.dim() not in (1, 2):
            raise ValueRangeError(f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {x.dim()}D instead")

    def _step(self, function: Any, input: Any, hx: Any) -> Any:
        """One step of a cell with one state."""
        if hx is not None and input.ndim == 2 and hx.ndim == 2:
            return function(input, hx, *self._weights())
        self._check("input", input)
        if hx is not None:
            self._check("hidden", hx)
        batched = input.dim() == 2
        if not batched:
            input = m.unsqueeze(input, 0)
        if hx is None:
            hx = creation.zeros((input.size(0), self.hidden_size), dtype=input.dtype, device=input.device)
        elif not batched:
            hx = m.unsqueeze(hx, 0)
        out = function(input, hx, *self._weights())
        return out if batched else m.squeeze(out, 0)


class RNNCell(RNNCellBase):
    """h = tanh(x @ w_ih.T + b_ih + h0 @ w_hh.T + b_hh), or relu for nonlinearity="relu".

    Shapes: input (B, F) or (F,), hx (B, H) or (H,), zeros by default.
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]
    nonlinearity: str

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, num_chunks=1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The next state."""
        if self.nonlinearity == "tanh":
            return self._step(m.rnn_tanh_cell, input, hx)
        if self.nonlinearity == "relu":
            return self._step(m.rnn_relu_cell, input, hx)
        raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")


class GRUCell(RNNCellBase):
    """One step of a GRU: h = (1 - z) n + z h0.

    Shapes: input (B, F) or (F,), hx (B, H) or (H,), zeros by default.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=3, device=device, dtype=dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The next state."""
        return self._step(m.gru_cell, input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM: c = f c0 + i g, h = o tanh(c).

    Shapes: input (B, F) or (F,), hx = (h0, c0) each (B, H) or (H,), zeros by default; gives (h, c).
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """The next (h, c)."""
        if hx is not None and len(hx) == 2 and input.ndim == 2 and hx[0].ndim == 2 and hx[1].ndim == 2:
            return m.lstm_cell(input, hx, *self._weights())
        self._check("input", input)
        for k, x in enumerate(hx or ()):
            self._check(f"hx[{k}]", x)
        batched = input.dim() == 2
        if not batched:
            input = m.unsqueeze(input, 0)
        if hx is None:
            zeros = creation.zeros((input.size(0), self.hidden_size), dtype=input.dtype, device=input.device)
            hx = (zeros, zeros)
        elif not batched:
            hx = tuple(m.unsqueeze(x, 0) for x in hx)
        h, c = m.lstm_cell(input, hx, *self._weights())
        return (h, c) if batched else (m.squeeze(h, 0), m.squeeze(c, 0))
