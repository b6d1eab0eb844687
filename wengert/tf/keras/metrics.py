"""`tf.keras.metrics`: numbers that are collected over batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf.conversion import tensor_of
from wengert.tf.keras import initializers, losses
from wengert.tf.keras.registry import Configured, getter, snake
from wengert.tf.keras.state import SETTINGS, KerasVariable, name_scope, unique
from wengert.tf.tensor import from_array


def array(x: Any, dtype: Any = None) -> Any:
    """A value as a NumPy array."""
    a = tensor_of(x)._array
    return a if dtype is None else a.astype(dtype)


class Metric(Configured):
    """Base of metrics: `update_state(...)`, `result()`, `reset_state()`; calling does the first two."""

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = unique(snake(type(self).__name__)) if name is None else name
        self._dtype = dtype or SETTINGS["floatx"]
        self._variables: list[Any] = []
        self._metrics: list[Any] = []

    @property
    def dtype(self) -> Any:
        """Dtype of the result."""
        return self._dtype

    @property
    def variables(self) -> list[Any]:
        """What is collected."""
        own = list(self.__dict__.get("_variables", []))
        for value in self.__dict__.values():
            if isinstance(value, Metric):
                own.extend(value.variables)
        return own

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, aggregation: Any = "sum", name: str | None = None
    ) -> Any:
        """A Variable that `reset_state` sets back to zero."""
        with name_scope(self.name):
            out = KerasVariable(initializers.get(initializer), shape, dtype or self._dtype, trainable=False, name=name)
        self._variables.append(out)
        return out

    def add_weight(self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None) -> Any:
        """The same under its other name."""
        return self.add_variable(shape, "zeros" if initializer is None else initializer, dtype, name=name)

    def update_state(self, *args: Any, **options: Any) -> None:
        """Take a batch in."""
        raise NotImplementedError("`update_state` is what a Metric subclass must define")

    def result(self) -> Any:
        """The number so far."""
        raise NotImplementedError("`result` is what a Metric subclass must define")

    def reset_state(self) -> None:
        """Forget what was collected."""
        for v in self.variables:
            v.replace(np.zeros_like(v._array))

    reset_states = reset_state

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.update_state(*args, **options)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"name": self.name, "dtype": self._dtype}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    __str__ = __repr__


def samplewise(values: Any, weights: Any, reduce: Any) -> tuple[Any, Any]:
    """One value per example, weighted, and the weights (None without any); `reduce` joins what an example has."""
    w = None
    if weights is not None:
        w = array(weights, values.dtype)
        if w.ndim == values.ndim + 1 and w.shape[-1] == 1:
            w = w[..., 0]
        elif values.ndim == w.ndim + 1 and values.shape[-1] == 1:
            values = values[..., 0]
        elif values.ndim == w.ndim + 1 and w.ndim:
            w = w[..., None]
        if values.ndim > w.ndim:
            values = reduce(values, axis=tuple(range(w.ndim, values.ndim)))
        w = np.broadcast_to(w, values.shape)
        values = values * w
        w = reduce(w, axis=tuple(range(1, w.ndim))) if w.ndim > 1 else w
    return (reduce(values, axis=tuple(range(1, values.ndim))) if values.ndim > 1 else values), w


class Sum(Metric):
    """Sum of what is given."""

    def __init__(self, name: str | None = "sum", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values."""
        v = array(values, self.total._array.dtype)
        v, _ = samplewise(v, sample_weight, np.sum)
        self.total.replace(np.asarray(self.total._array + v.sum(dtype=v.dtype)))

    def result(self) -> Any:
        """The sum so far."""
        return from_array(self.total._array.copy())


class Mean(Metric):
    """Mean of what is given."""

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take values in."""
        kind = self.total._array.dtype
        v, w = samplewise(array(values, kind), sample_weight, np.mean)
        count = np.asarray(len(v) if v.ndim else 1, kind) if w is None else w.sum(dtype=kind)
        self.total.replace(np.asarray(self.total._array + v.sum(dtype=kind), kind))
        self.count.replace(np.asarray(self.count._array + count, kind))

    def result(self) -> Any:
        """The mean so far, 0 of nothing."""
        total, count = self.total._array, self.count._array
        return from_array(np.asarray(total / count if count else 0 * total, total.dtype))


class MeanMetricWrapper(Mean):
    """Mean of a function of labels and predictions."""

    def __init__(self, fn: Any, name: str | None = None, dtype: Any = None, **options: Any):
        super().__init__(name or snake(type(self).__name__), dtype)
        self._fn, self._fn_kwargs = fn, options

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take a batch in."""
        super().update_state(self._fn(y_true, y_pred, **self._fn_kwargs), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {**super().get_config(), **self._fn_kwargs}


def aligned(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Labels and predictions as arrays of the same shape."""
    true, pred = array(y_true), array(y_pred)
    if true.ndim == pred.ndim + 1 and true.shape[-1] == 1:
        true = true[..., 0]
    elif pred.ndim == true.ndim + 1 and pred.shape[-1] == 1:
        pred = pred[..., 0]
    if true.shape != pred.shape:
        raise ValueError(f"Shapes {true.shape} and {pred.shape} are incompatible")
    return true, pred


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where prediction and label are equal."""
    true, pred = aligned(y_true, y_pred)
    return from_array((true == pred).astype(SETTINGS["floatx"]))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where the label is what the prediction is on its side of the threshold."""
    true, pred = aligned(y_true, y_pred)
    return from_array((true == (pred > threshold)).astype(SETTINGS["floatx"]))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest prediction is that of the label."""
    true, pred = array(y_true), array(y_pred)
    return from_array((true.argmax(-1) == pred.argmax(-1)).astype(SETTINGS["floatx"]))


def label_array(y_true: Any, pred: Any) -> Any:
    """Numbers of classes in the shape of the predictions without their last dim."""
    true = array(y_true)
    return true[..., 0] if true.ndim == pred.ndim and true.shape[-1] == 1 else true


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest prediction is that of the class."""
    pred = array(y_pred)
    return from_array((label_array(y_true, pred) == pred.argmax(-1)).astype(SETTINGS["floatx"]))


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the prediction of the class is among the k largest."""
    pred = array(y_pred)
    own = np.take_along_axis(pred, label_array(y_true, pred)[..., None].astype(np.int64), -1)
    return from_array(((pred > own).sum(-1) < k).astype(SETTINGS["floatx"]))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the prediction of the label is among the k largest."""
    return sparse_top_k_categorical_accuracy(array(y_true).argmax(-1), y_pred, k)


def mean_of(name: str, function: Any, **defaults: Any) -> type[MeanMetricWrapper]:
    """The metric that is the mean of a function; `defaults` are its options, which come first."""

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        front = ["name", "dtype", *defaults] if name == "BinaryAccuracy" else [*defaults, "name", "dtype"]
        given = dict(zip(front, args, strict=False)) | options
        own = {key: given.pop(key, value) for key, value in defaults.items()}
        label, dtype = given.pop("name", snake(name)), given.pop("dtype", None)
        if given:
            raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{sorted(given)[0]}'")
        MeanMetricWrapper.__init__(self, function, label, dtype, **own)

    return type(name, (MeanMetricWrapper,), {"__init__": __init__, "__module__": __name__, "__doc__": function.__doc__})


Accuracy = mean_of("Accuracy", accuracy)
BinaryAccuracy = mean_of("BinaryAccuracy", binary_accuracy, threshold=0.5)
CategoricalAccuracy = mean_of("CategoricalAccuracy", categorical_accuracy)
SparseCategoricalAccuracy = mean_of("SparseCategoricalAccuracy", sparse_categorical_accuracy)
TopKCategoricalAccuracy = mean_of("TopKCategoricalAccuracy", top_k_categorical_accuracy, k=5)
SparseTopKCategoricalAccuracy = mean_of("SparseTopKCategoricalAccuracy", sparse_top_k_categorical_accuracy, k=5)
MeanSquaredError = mean_of("MeanSquaredError", losses.mean_squared_error)
MeanAbsoluteError = mean_of("MeanAbsoluteError", losses.mean_absolute_error)
MeanAbsolutePercentageError = mean_of("MeanAbsolutePercentageError", losses.mean_absolute_percentage_error)
MeanSquaredLogarithmicError = mean_of("MeanSquaredLogarithmicError", losses.mean_squared_logarithmic_error)
LogCoshError = mean_of("LogCoshError", losses.log_cosh)
Hinge, SquaredHinge = mean_of("Hinge", losses.hinge), mean_of("SquaredHinge", losses.squared_hinge)
Poisson, KLDivergence = mean_of("Poisson", losses.poisson), mean_of("KLDivergence", losses.kl_divergence)
CategoricalHinge = mean_of("CategoricalHinge", losses.categorical_hinge)
BinaryCrossentropy = mean_of("BinaryCrossentropy", losses.binary_crossentropy, from_logits=False, label_smoothing=0.0)
CategoricalCrossentropy = mean_of(
    "CategoricalCrossentropy", losses.categorical_crossentropy, from_logits=False, label_smoothing=0.0, axis=-1
)
SparseCategoricalCrossentropy = mean_of(
    "SparseCategoricalCrossentropy", losses.sparse_categorical_crossentropy, from_logits=False, axis=-1
)


class CosineSimilarity(MeanMetricWrapper):
    """Mean of the cosines of the angles."""

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(lambda a, b, axis: -losses.cosine_similarity(a, b, axis), name, dtype, axis=axis)


class RootMeanSquaredError(Mean):
    """Square root of the mean of the squared errors."""

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take a batch in."""
        true, pred = aligned(y_true, y_pred)
        super().update_state(np.square(true.astype(self._dtype) - pred.astype(self._dtype)), sample_weight)

    def result(self) -> Any:
        """The root so far."""
        return from_array(np.sqrt(super().result()._array))


class R2Score(Metric):
    """1 - residual sum of squares / total sum of squares, the mean over the outputs."""

    def __init__(self, class_aggregation: Any = "uniform_average", num_regressors: int = 0, name: str = "r2_score",
                 dtype: Any = None):  # fmt: skip
        super().__init__(dtype, name)
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), "zeros", "int32", name="num_samples")
        self._columns: list[Any] = []

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch in."""
        true, pred = aligned(y_true, y_pred)
        true, pred = (a.reshape(len(a), -1).astype(self._dtype) for a in (true, pred))
        if not self._columns:
            names = ("squared_sum", "sum", "residual", "count")
            self._columns = [self.add_variable(true.shape[1:], "zeros", name=name) for name in names]
        w = np.ones((len(true), 1), true.dtype) if sample_weight is None else array(sample_weight, true.dtype)
        w = np.broadcast_to(w.reshape(len(true), -1), true.shape)
        parts = (w * np.square(true), w * true, w * np.square(true - pred), w)
        for v, part in zip(self._columns, parts, strict=True):
            v.replace(v._array + part.sum(0))
        self.num_samples.replace(np.asarray(self.num_samples._array + len(true), np.int32))

    def result(self) -> Any:
        """The score so far. Raises ValueError before there is any data."""
        if not self._columns:
            raise ValueError("R2Score has no result before `update_state` was called")
        squares, total, residual, count = (v._array for v in self._columns)
        spread = squares - np.square(total) / count
        score = 1 - residual / spread
        return from_array(np.asarray(self.joined(score, spread), self._dtype))

    def joined(self, score: Any, spread: Any) -> Any:
        """The scores of all outputs as `class_aggregation` and `num_regressors` want them."""
        if self.class_aggregation == "variance_weighted_average":
            score = (score * spread).sum() / spread.sum()
        elif self.class_aggregation is not None:
            score = score.mean()
        if self.num_regressors:
            n = float(self.num_samples._array)
            score = 1 - (1 - score) * (n - 1) / (n - self.num_regressors - 1)
        return score


class Confusion(Metric):
    """Base of metrics made of counts of right and wrong positives and negatives, for each threshold."""

    counts: tuple[str, ...] = ("true_positives", "false_positives")
    kept_as: str | None = None

    def __init__(self, thresholds: Any = None, top_k: Any = None, class_id: Any = None, name: str | None = None,
                 dtype: Any = None):  # fmt: skip
        super().__init__(dtype, name or unique(snake(type(self).__name__)))
        given = [0.5] if thresholds is None else thresholds if isinstance(thresholds, (list, tuple)) else [thresholds]
        if any(t is None or not 0 <= t <= 1 for t in given):
            raise ValueError(f"Threshold values must be in [0, 1]. Received: {list(given)}")
        self.init_thresholds, self.thresholds = thresholds, [float(t) for t in given]
        self.top_k, self.class_id = top_k, class_id
        for count in self.counts:
            setattr(self, count, self.add_variable((len(self.thresholds),), "zeros", name=self.kept_as or count))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        true, pred = aligned(y_true, y_pred)
        if self.top_k is not None:
            best = np.argsort(-pred, -1)[..., : self.top_k]
            chosen = np.zeros(pred.shape, pred.dtype)
            np.put_along_axis(chosen, best, 1, -1)
            pred = chosen
        if self.class_id is not None:
            true, pred = true[..., self.class_id], pred[..., self.class_id]
        weights = np.ones(true.shape) if sample_weight is None else array(sample_weight)
        if weights.ndim < true.ndim:
            weights = weights.reshape(*weights.shape, *[1] * (true.ndim - weights.ndim))
        weights = np.broadcast_to(weights, true.shape).reshape(-1)
        limits = np.array(self.thresholds, np.float32)[:, None]
        positive, said = true.reshape(-1).astype(bool), pred.reshape(-1)[None].astype(np.float32) > limits
        found = {
            "true_positives": said & positive, "false_positives": said & ~positive,
            "true_negatives": ~said & ~positive, "false_negatives": ~said & positive,
        }  # fmt: skip
        for count in self.counts:
            v = getattr(self, count)
            v.replace(v._array + (found[count] * weights).sum(1).astype(v._array.dtype))

    def ratio(self, first: str, second: str) -> Any:
        """first / (first + second), 0 where both are 0."""
        a, b = getattr(self, first)._array, getattr(self, second)._array
        out = np.divide(a, a + b, out=np.zeros_like(a), where=a + b != 0)
        return from_array(np.asarray(out[0] if len(out) == 1 else out))


class Precision(Confusion):
    """Right positives among all that were said to be positive."""

    def result(self) -> Any:
        """The share so far."""
        return self.ratio("true_positives", "false_positives")


class Recall(Confusion):
    """Right positives among all that are positive."""

    counts = ("true_positives", "false_negatives")

    def result(self) -> Any:
        """The share so far."""
        return self.ratio("true_positives", "false_negatives")


class Count(Confusion):
    """One of the four counts."""

    kept_as = "accumulator"

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(thresholds, name=name, dtype=dtype)

    def result(self) -> Any:
        """The count so far."""
        a = getattr(self, self.counts[0])._array
        return from_array(np.asarray(a[0] if len(a) == 1 else a.copy()))


TruePositives = type("TruePositives", (Count,), {"counts": ("true_positives",), "__module__": __name__})
FalsePositives = type("FalsePositives", (Count,), {"counts": ("false_positives",), "__module__": __name__})
TrueNegatives = type("TrueNegatives", (Count,), {"counts": ("true_negatives",), "__module__": __name__})
FalseNegatives = type("FalseNegatives", (Count,), {"counts": ("false_negatives",), "__module__": __name__})


class AUC(Confusion):
    """Area under the curve of right against wrong positives (or of precision against recall), by `num_thresholds`."""

    counts = ("true_positives", "false_positives", "true_negatives", "false_negatives")

    def __init__(
        self, num_thresholds: int = 200, curve: str = "ROC", summation_method: str = "interpolation",
        name: str | None = None, dtype: Any = None, thresholds: Any = None, multi_label: bool = False,
        num_labels: Any = None, label_weights: Any = None, from_logits: bool = False,
    ):  # fmt: skip
        if curve not in ("ROC", "PR"):
            raise ValueError(f'Invalid AUC curve value: "{curve}". Expected values are ["PR", "ROC"]')
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(
                f'Invalid AUC summation method value: "{summation_method}". Expected values are '
                '["interpolation", "majoring", "minoring"]'
            )
        if num_thresholds <= 1:
            raise ValueError(f"Argument `num_thresholds` must be an integer > 1. Received: {num_thresholds}")
        inner = (
            sorted(thresholds) if thresholds is not None
            else [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        )  # fmt: skip
        super().__init__([0.0, *inner, 1.0], name=name, dtype=dtype)
        # Slightly outside, so that predictions of exactly 0 and 1 count on the right side.
        self.thresholds[0], self.thresholds[-1] = -1e-7, 1.0 + 1e-7
        self.num_thresholds, self.curve, self.summation_method = len(self.thresholds), curve, summation_method
        self._from_logits = from_logits

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        pred = array(y_pred)
        super().update_state(y_true, 1 / (1 + np.exp(-pred)) if self._from_logits else pred, sample_weight)

    def result(self) -> Any:
        """The area so far."""
        tp, fp, tn, fn = (getattr(self, count)._array for count in self.counts)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return from_array(np.asarray(precision_area(tp, fp, fn), self._dtype))
        recall = divided(tp, tp + fn)
        x, y = (divided(fp, fp + tn), recall) if self.curve == "ROC" else (recall, divided(tp, tp + fp))
        left, right = y[:-1], y[1:]
        how = {"interpolation": (left + right) / 2, "minoring": np.minimum(left, right)}
        heights = how.get(self.summation_method, np.maximum(left, right))
        return from_array(np.asarray(((x[:-1] - x[1:]) * heights).sum(), self._dtype))


def divided(a: Any, b: Any) -> Any:
    """a / b, 0 where b is 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


def precision_area(tp: Any, fp: Any, fn: Any) -> Any:
    """Area under precision against recall, interpolated as Davis and Goadrich do."""
    steps, said = tp[:-1] - tp[1:], tp + fp
    slope = divided(steps, np.maximum(said[:-1] - said[1:], 0))
    intercept = tp[1:] - slope * said[1:]
    both = (said[:-1] > 0) & (said[1:] > 0)
    ratio = np.where(both, divided(said[:-1], np.maximum(said[1:], 0)), 1)
    return divided(slope * (steps + intercept * np.log(ratio)), np.maximum(tp[1:] + fn[1:], 0)).sum()


class MeanIoU(Metric):
    """Mean over the classes of the intersection by the union of labels and predictions."""

    def __init__(self, num_classes: int, name: str | None = None, dtype: Any = None):
        super().__init__(dtype, name)
        self.num_classes = num_classes
        self.total_cm = self.add_variable((num_classes, num_classes), "zeros", name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        cm = self.total_cm._array.copy()
        weights = 1 if sample_weight is None else array(sample_weight).reshape(-1)
        np.add.at(cm, (array(y_true).reshape(-1).astype(int), array(y_pred).reshape(-1).astype(int)), weights)
        self.total_cm.replace(cm)

    def result(self) -> Any:
        """The mean so far."""
        cm = self.total_cm._array
        right, union = np.diagonal(cm), cm.sum(0) + cm.sum(1) - np.diagonal(cm)
        return from_array(np.asarray(divided(right, union).sum() / max((union != 0).sum(), 1), self._dtype))


NAMES = (
    "AUC", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "CategoricalAccuracy", "CategoricalCrossentropy",
    "CategoricalHinge", "CosineSimilarity", "FalseNegatives", "FalsePositives", "Hinge", "KLDivergence", "LogCoshError",
    "Mean", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "Precision", "R2Score", "Recall", "RootMeanSquaredError",
    "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy", "SquaredHinge",
    "Sum", "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives",
)  # fmt: skip
TABLE = {key: globals()[name] for name in NAMES for key in (name, snake(name))}
TABLE |= {"mse": MeanSquaredError, "mae": MeanAbsoluteError, "acc": Accuracy}
get = getter("metric", lambda: TABLE)
mse = MSE = mean_squared_error = losses.mean_squared_error
mae = MAE = mean_absolute_error = losses.mean_absolute_error
mape = MAPE = losses.mean_absolute_percentage_error
msle = MSLE = losses.mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence = losses.kl_divergence
huber, poisson, logcosh = losses.huber, losses.poisson, losses.log_cosh
hinge, squared_hinge, categorical_hinge = losses.hinge, losses.squared_hinge, losses.categorical_hinge
binary_crossentropy, categorical_crossentropy = losses.binary_crossentropy, losses.categorical_crossentropy
sparse_categorical_crossentropy = losses.sparse_categorical_crossentropy
binary_focal_crossentropy = losses.binary_focal_crossentropy
categorical_focal_crossentropy = losses.categorical_focal_crossentropy
__all__ = [
    *NAMES, "KLD", "MAE", "MAPE", "MSE", "MSLE", "Metric", "binary_accuracy", "binary_crossentropy",
    "binary_focal_crossentropy", "categorical_accuracy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "categorical_hinge", "get", "hinge", "huber", "kld", "kullback_leibler_divergence", "logcosh", "mae", "mape", "mse",
    "msle", "poisson", "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy", "squared_hinge", "top_k_categorical_accuracy",
]  # fmt: skip
