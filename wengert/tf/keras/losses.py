"""`tf.keras.losses`: functions per example and classes that reduce them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf import math, nn
from wengert.tf.arrays import expand_dims, one_hot, reshape, squeeze
from wengert.tf.conversion import cast, tensor_of
from wengert.tf.dtypes import as_dtype
from wengert.tf.keras.registry import Configured, getter, snake
from wengert.tf.keras.state import SETTINGS, unique
from wengert.tf.reductions import reduce_mean, reduce_sum
from wengert.tf.tensor import from_array

REDUCTIONS = {"sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", "none", None}


def pair_of(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Labels and predictions in the dtype of the predictions."""
    pred = tensor_of(y_pred)
    if pred._array.dtype.kind not in "fVc" or not hasattr(y_pred, "_array") and pred._array.dtype == np.float64:
        pred = cast(pred, SETTINGS["floatx"])
    true = cast(tensor_of(y_true), pred.dtype)
    a, b = true._array.shape, pred._array.shape
    if len(a) == len(b) + 1 and a[-1] == 1:
        true = squeeze(true, -1)
    elif len(b) == len(a) + 1 and b[-1] == 1:
        pred = squeeze(pred, -1)
    return true, pred


def rowwise(x: Any) -> Any:
    """Mean over the last dim."""
    return reduce_mean(x, -1)


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of (true - pred)^2 over the last dim."""
    true, pred = pair_of(y_true, y_pred)
    return rowwise(math.square(true - pred))


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of |true - pred| over the last dim."""
    true, pred = pair_of(y_true, y_pred)
    return rowwise(math.abs(true - pred))


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 times the mean of |true - pred| / |true|."""
    true, pred = pair_of(y_true, y_pred)
    return 100.0 * rowwise(math.abs((true - pred) / math.maximum(math.abs(true), SETTINGS["epsilon"])))


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of (log(1 + true) - log(1 + pred))^2."""
    true, pred = pair_of(y_true, y_pred)
    first, second = (math.log(math.maximum(x, SETTINGS["epsilon"]) + 1.0) for x in (pred, true))
    return rowwise(math.square(first - second))


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Half the squared error up to `delta`, beyond it a line."""
    true, pred = pair_of(y_true, y_pred)
    error = math.abs(pred - true)
    small = math.minimum(error, delta)
    return rowwise(0.5 * math.square(small) + delta * (error - small))


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Mean of log(cosh(pred - true))."""
    true, pred = pair_of(y_true, y_pred)
    d = pred - true
    return rowwise(d + nn.softplus(d * -2.0) - float(np.log(2.0)))


def hinge_labels(true: Any) -> Any:
    """Labels 0 and 1 as -1 and 1."""
    a = true._array
    return from_array((2 * a - 1).astype(a.dtype)) if np.isin(a, (0, 1)).all() else true


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Mean of max(1 - true * pred, 0)."""
    true, pred = pair_of(y_true, y_pred)
    return rowwise(math.maximum(1.0 - hinge_labels(true) * pred, 0.0))


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Mean of max(1 - true * pred, 0)^2."""
    true, pred = pair_of(y_true, y_pred)
    return rowwise(math.square(math.maximum(1.0 - hinge_labels(true) * pred, 0.0)))


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(best wrong score - right score + 1, 0)."""
    true, pred = pair_of(y_true, y_pred)
    right = reduce_sum(true * pred, -1)
    return math.maximum(math.reduce_max((1.0 - true) * pred, -1) - right + 1.0, 0.0)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Mean of pred - true * log(pred)."""
    true, pred = pair_of(y_true, y_pred)
    return rowwise(pred - true * math.log(pred + SETTINGS["epsilon"]))


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Sum of true * log(true / pred) over the last dim."""
    true, pred = pair_of(y_true, y_pred)
    true, pred = (math.clip_by_value(x, SETTINGS["epsilon"], 1.0) for x in (true, pred))
    return reduce_sum(true * math.log(true / pred), -1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle."""
    true, pred = pair_of(y_true, y_pred)
    return -reduce_sum(nn.l2_normalize(true, axis) * nn.l2_normalize(pred, axis), axis)


def logits_of(pred: Any) -> Any:
    """Logits that probabilities came from by sigmoid or softmax, or None."""
    return getattr(pred, "_keras_logits", None)


def clipped(p: Any) -> Any:
    """Probabilities kept off 0 and 1."""
    return math.clip_by_value(p, SETTINGS["epsilon"], 1.0 - SETTINGS["epsilon"])


def binary_entropies(true: Any, pred: Any, from_logits: bool) -> Any:
    """-(z log p + (1 - z) log(1 - p)) for each element."""
    logits = pred if from_logits else logits_of(pred)
    if logits is not None:
        return nn.sigmoid_cross_entropy_with_logits(true, logits)
    p = clipped(pred)
    return -(true * math.log(p) + (1.0 - true) * math.log(1.0 - p))


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Mean of the binary cross entropies over `axis`."""
    true, pred = pair_of(y_true, y_pred)
    if label_smoothing:
        true = true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return reduce_mean(binary_entropies(true, pred, from_logits), axis)


def binary_focal_crossentropy(
    y_true: Any, y_pred: Any, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0,
    from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
) -> Any:  # fmt: skip
    """Binary cross entropies weighted by how wrong they are: (1 - p)^gamma."""
    true, pred = pair_of(y_true, y_pred)
    if label_smoothing:
        true = true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    p = math.sigmoid(pred) if from_logits else pred
    right = true * p + (1.0 - true) * (1.0 - p)
    out = math.pow(1.0 - right, gamma) * binary_entropies(true, p, False)
    if apply_class_balancing:
        out = (true * alpha + (1.0 - true) * (1.0 - alpha)) * out
    return reduce_mean(out, axis)


def categorical_focal_crossentropy(
    y_true: Any, y_pred: Any, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False,
    label_smoothing: float = 0.0, axis: int = -1,
) -> Any:  # fmt: skip
    """Sum of alpha * (1 - p)^gamma * -true * log(p) over `axis`."""
    pred = tensor_of(y_pred)
    true = cast(tensor_of(y_true), pred.dtype)
    if label_smoothing:
        true = true * (1.0 - label_smoothing) + label_smoothing / true._array.shape[-1]
    pred = nn.softmax(pred, axis) if from_logits else pred
    p = clipped(pred / reduce_sum(pred, axis, True))
    return reduce_sum(math.pow(1.0 - p, gamma) * alpha * (-true * math.log(p)), axis)


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """1 - 2 * sum(true * pred) / (sum(true) + sum(pred))."""
    pred = tensor_of(y_pred)
    true = cast(tensor_of(y_true), pred.dtype)
    both = reduce_sum(true * pred, axis)
    return 1.0 - 2.0 * both / (reduce_sum(true, axis) + reduce_sum(pred, axis) + SETTINGS["epsilon"])


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Any:
    """Dice's loss with weights: alpha for what is missed, beta for what is said wrongly."""
    pred = tensor_of(y_pred)
    true = cast(tensor_of(y_true), pred.dtype)
    both = reduce_sum(true * pred, axis)
    missed, wrong = reduce_sum((1.0 - pred) * true, axis), reduce_sum(pred * (1.0 - true), axis)
    return 1.0 - both / (both + missed * alpha + wrong * beta + SETTINGS["epsilon"])


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """-sum(true * log(pred)) over `axis`. Raises ValueError for shapes that differ."""
    true, pred = cast(tensor_of(y_true), tensor_of(y_pred).dtype), tensor_of(y_pred)
    pred = pred if logits_of(y_pred) is None else y_pred
    if true._array.shape != pred._array.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. Received: "
            f"target.shape={true.shape}, output.shape={pred.shape}"
        )
    if label_smoothing:
        true = true * (1.0 - label_smoothing) + label_smoothing / true._array.shape[-1]
    logits = pred if from_logits else logits_of(pred)
    if logits is not None:
        return nn.softmax_cross_entropy_with_logits(true, logits, axis)
    return -reduce_sum(true * math.log(clipped(pred / reduce_sum(pred, axis, True))), axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: Any = None, axis: int = -1
) -> Any:
    """-log(pred[label]) for labels given as numbers of classes. Raises ValueError for shapes that do not match."""
    labels, pred = tensor_of(y_true)._array, tensor_of(y_pred)
    logits = pred if from_logits else logits_of(y_pred)
    if logits is None:
        logits = math.log(clipped(pred))
    logits = tensor_of(logits)
    if labels.ndim == logits._array.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != logits._array.shape[:-1]:
        raise ValueError(
            "Argument `output` must have rank (ndim) `target.ndim - 1`. Received: "
            f"target.shape={labels.shape}, output.shape={logits.shape}"
            if labels.ndim + 1 != logits._array.ndim
            else "Arguments `target` and `output` must have the same shape up until the last dimension: "
            f"target.shape={labels.shape}, output.shape={logits.shape}"
        )
    labels = labels.astype(np.int64)
    if ignore_class is None:
        return nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    valid = labels != ignore_class
    out = nn.sparse_softmax_cross_entropy_with_logits(np.where(valid, labels, 0), logits)
    return out * from_array(valid.astype(out._array.dtype))


def squeeze_to(weights: Any, losses: Any) -> Any:
    """Weights in a shape that goes with losses."""
    if weights._array.ndim == losses._array.ndim + 1 and weights._array.shape[-1] == 1:
        return squeeze(weights, -1)
    if losses._array.ndim == weights._array.ndim + 1 and weights._array.ndim:
        return expand_dims(weights, -1)
    return weights


def reduced(values: Any, sample_weight: Any, reduction: Any, mask: Any = None) -> Any:
    """Losses of examples, weighted, as `reduction` wants them."""
    weights = None
    if mask is not None:
        kept = cast(tensor_of(mask), values.dtype)
        weights = kept * (values._array.size / max(float(kept._array.sum()), 1e-7) if reduction != "sum" else 1.0)
    if sample_weight is not None:
        own = squeeze_to(cast(tensor_of(sample_weight), values.dtype), values)
        weights = own if weights is None else own * weights
    if weights is not None:
        values = values * weights
    if reduction in ("none", None):
        return values
    total = reduce_sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        spread = np.broadcast_to(weights._array, values._array.shape)
        return math.divide_no_nan(total, from_array(np.asarray(spread.sum(), values._array.dtype)))
    return total / float(max(values._array.size, 1)) if values._array.size else total


class Loss(Configured):
    """Base of losses: `call(y_true, y_pred)` gives one loss per example. Raises ValueError for a reduction."""

    def __init__(self, name: str | None = None, reduction: Any = "sum_over_batch_size", dtype: Any = None):
        if reduction == "auto":
            reduction = "sum_over_batch_size"
        if reduction not in REDUCTIONS:
            raise ValueError(
                "Invalid value for argument `reduction`. Expected one of {'sum', 'sum_over_batch_size', 'mean', "
                f"'mean_with_sample_weight', 'none', None}}. Received: reduction={reduction}"
            )
        self.name = name or unique(snake(type(self).__name__))
        self.reduction = reduction
        self._dtype = dtype

    @property
    def dtype(self) -> str:
        """Name of the dtype that losses are computed in."""
        return SETTINGS["floatx"] if self._dtype is None else as_dtype(self._dtype).name

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        values = self.call(y_true, self.predictions(y_pred))
        return reduced(tensor_of(values), sample_weight, self.reduction, getattr(y_pred, "_keras_mask", None))

    def predictions(self, y_pred: Any) -> Any:
        """Predictions in the dtype of the loss."""
        if hasattr(y_pred, "_keras_logits"):
            return y_pred
        x = tensor_of(y_pred)
        return x if x._array.dtype.name == self.dtype else cast(x, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One loss per example."""
        raise NotImplementedError("A `Loss` subclass must implement `call(y_true, y_pred)`.")

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"name": self.name, "reduction": self.reduction}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def wrapper(name: str, function: Any, **defaults: Any) -> type[Loss]:
    """The class of a loss function; `defaults` are its own options."""

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        given = dict(zip([*defaults, "reduction", "name", "dtype"], args, strict=False)) | options
        known = {"reduction": "sum_over_batch_size", "name": snake(name), "dtype": None}
        if unknown := set(given) - set(defaults) - set(known):
            raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{sorted(unknown)[0]}'")
        base = {key: given.pop(key, value) for key, value in known.items()}
        Loss.__init__(self, **base)
        self.function, self.options = function, {**defaults, **given}
        for key, value in self.options.items():
            setattr(self, key, value)

    def call(self: Any, y_true: Any, y_pred: Any) -> Any:
        """One loss per example."""
        return self.function(y_true, y_pred, **self.options)

    def get_config(self: Any) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {**Loss.get_config(self), **self.options}

    body = {"__init__": __init__, "call": call, "get_config": get_config, "__module__": __name__,
            "__doc__": function.__doc__}  # fmt: skip
    return type(name, (Loss,), body)


MeanSquaredError = wrapper("MeanSquaredError", mean_squared_error)
MeanAbsoluteError = wrapper("MeanAbsoluteError", mean_absolute_error)
MeanAbsolutePercentageError = wrapper("MeanAbsolutePercentageError", mean_absolute_percentage_error)
MeanSquaredLogarithmicError = wrapper("MeanSquaredLogarithmicError", mean_squared_logarithmic_error)
Huber = wrapper("Huber", huber, delta=1.0)
LogCosh = wrapper("LogCosh", log_cosh)
Hinge, SquaredHinge = wrapper("Hinge", hinge), wrapper("SquaredHinge", squared_hinge)
CategoricalHinge = wrapper("CategoricalHinge", categorical_hinge)
Poisson, KLDivergence = wrapper("Poisson", poisson), wrapper("KLDivergence", kl_divergence)
CosineSimilarity = wrapper("CosineSimilarity", cosine_similarity, axis=-1)
BinaryCrossentropy = wrapper("BinaryCrossentropy", binary_crossentropy, from_logits=False, label_smoothing=0.0, axis=-1)
BinaryFocalCrossentropy = wrapper(
    "BinaryFocalCrossentropy", binary_focal_crossentropy, apply_class_balancing=False, alpha=0.25, gamma=2.0,
    from_logits=False, label_smoothing=0.0, axis=-1,
)  # fmt: skip
CategoricalCrossentropy = wrapper(
    "CategoricalCrossentropy", categorical_crossentropy, from_logits=False, label_smoothing=0.0, axis=-1
)


CategoricalFocalCrossentropy = wrapper(
    "CategoricalFocalCrossentropy", categorical_focal_crossentropy, alpha=0.25, gamma=2.0, from_logits=False,
    label_smoothing=0.0, axis=-1,
)  # fmt: skip
Dice, Tversky = wrapper("Dice", dice, axis=None), wrapper("Tversky", tversky, alpha=0.5, beta=0.5, axis=None)


class SparseCategoricalCrossentropy(Loss):
    """-log(pred[label]), for labels given as numbers of classes."""

    def __init__(
        self, from_logits: bool = False, ignore_class: Any = None, reduction: Any = "sum_over_batch_size",
        axis: int = -1, name: str | None = "sparse_categorical_crossentropy", dtype: Any = None,
    ):  # fmt: skip
        super().__init__(name, reduction, dtype)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        values = self.call(y_true, self.predictions(y_pred))
        mask = None
        if self.ignore_class is not None:
            mask = reshape(from_array(tensor_of(y_true)._array != self.ignore_class), values._array.shape)
        return reduced(values, sample_weight, self.reduction, mask)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One loss per example."""
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.ignore_class, self.axis)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        own = {"from_logits": self.from_logits, "ignore_class": self.ignore_class, "axis": self.axis}
        return {**super().get_config(), **own}


def one_hot_labels(labels: Any, count: int) -> Any:
    """Labels as rows with one 1."""
    return one_hot(labels, count)


CLASSES = (
    "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy",
    "CategoricalHinge", "CosineSimilarity", "Dice", "Hinge", "Huber", "KLDivergence", "LogCosh", "MeanAbsoluteError",
    "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError", "Poisson",
    "SparseCategoricalCrossentropy", "SquaredHinge", "Tversky",
)  # fmt: skip
FUNCTIONS = (
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "categorical_hinge", "cosine_similarity", "dice", "hinge", "huber", "kl_divergence", "log_cosh",
    "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
    "poisson", "sparse_categorical_crossentropy", "squared_hinge", "tversky",
)  # fmt: skip
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
TABLE = {name: globals()[name] for name in (*CLASSES, *FUNCTIONS, "mse", "MSE", "mae", "MAE", "mape", "msle", "kld")}
get = getter("loss", lambda: TABLE)
__all__ = [
    *CLASSES, *FUNCTIONS, "KLD", "Loss", "MAE", "MAPE", "MSE", "MSLE", "get", "kld", "kullback_leibler_divergence",
    "logcosh", "mae", "mape", "mse", "msle",
]  # fmt: skip
