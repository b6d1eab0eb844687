"""Losses, metrics, initializers, schedules and optimizers by name, each a function of the module `keras`."""

import numpy as np

RNG = np.random.default_rng(0)
REAL, OTHER = (RNG.uniform(-2, 2, (5, 4)).astype(np.float32) for _ in range(2))
SHARE = RNG.uniform(0.02, 0.98, (5, 4)).astype(np.float32)
BITS = (RNG.uniform(size=(5, 4)) > 0.5).astype(np.float32)
ROWS = SHARE / SHARE.sum(-1, keepdims=True)
HOT = np.eye(4, dtype=np.float32)[[0, 3, 1, 1, 2]]
LABELS = np.array([0, 3, 1, 1, 2])
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0, 3.0], np.float32)
EDGES = np.array([[0.0, 1.0, 0.5, 1e-9], [1.0, 0.0, 1.0 - 1e-9, 0.25]], np.float32)

DATA = {
    "MeanSquaredError": (REAL, OTHER), "MeanAbsoluteError": (REAL, OTHER),
    "MeanAbsolutePercentageError": (REAL, OTHER),
    "MeanSquaredLogarithmicError": (SHARE, SHARE[::-1].copy()), "Huber": (REAL, OTHER), "LogCosh": (REAL, OTHER),
    "Hinge": (BITS, OTHER), "SquaredHinge": (2 * BITS - 1, OTHER), "CategoricalHinge": (HOT, OTHER),
    "Poisson": (SHARE, SHARE[::-1].copy()), "KLDivergence": (ROWS, ROWS[::-1].copy()),
    "CosineSimilarity": (REAL, OTHER),
    "BinaryCrossentropy": (BITS, SHARE), "BinaryFocalCrossentropy": (BITS, SHARE),
    "CategoricalCrossentropy": (HOT, SHARE), "SparseCategoricalCrossentropy": (LABELS, ROWS),
    "CategoricalFocalCrossentropy": (HOT, ROWS), "Tversky": (BITS, SHARE), "Dice": (BITS, SHARE),
}  # fmt: skip
FUNCTIONS = {
    "mse": "MeanSquaredError", "mae": "MeanAbsoluteError", "huber": "Huber",
    "logcosh": "LogCosh", "hinge": "Hinge", "squared_hinge": "SquaredHinge", "categorical_hinge": "CategoricalHinge",
    "poisson": "Poisson", "kld": "KLDivergence", "cosine_similarity": "CosineSimilarity",
    "binary_crossentropy": "BinaryCrossentropy", "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
}  # fmt: skip
LOSSES = {}
"""Name: (function of keras and tensors, labels, predictions)."""
for _name, _data in DATA.items():
    LOSSES[_name] = (lambda k, a, b, n=_name: getattr(k.losses, n)()(a, b), *_data)
    LOSSES[f"{_name}.sum"] = (lambda k, a, b, n=_name: getattr(k.losses, n)(reduction="sum")(a, b), *_data)
    if _name not in ("Tversky", "Dice"):
        LOSSES[f"{_name}.weighted"] = (
            lambda k, a, b, n=_name: getattr(k.losses, n)(reduction="none")(a, b, sample_weight=WEIGHTS), *_data
        )  # fmt: skip
        LOSSES[f"{_name}.weighted_mean"] = (
            lambda k, a, b, n=_name: getattr(k.losses, n)(reduction="mean_with_sample_weight")(
                a, b, sample_weight=WEIGHTS
            ), *_data
        )  # fmt: skip
for _name, _class in FUNCTIONS.items():
    LOSSES[_name] = (lambda k, a, b, n=_name: getattr(k.losses, n)(a, b), *DATA[_class])
LOSSES |= {
    "Huber.delta": (lambda k, a, b: k.losses.Huber(delta=0.5)(a, b), REAL, OTHER),
    "BinaryCrossentropy.logits": (lambda k, a, b: k.losses.BinaryCrossentropy(from_logits=True)(a, b), BITS, OTHER),
    "BinaryCrossentropy.smooth": (
        lambda k, a, b: k.losses.BinaryCrossentropy(label_smoothing=0.2)(a, b), BITS, SHARE),
    "BinaryCrossentropy.edges": (
        lambda k, a, b: k.losses.BinaryCrossentropy()(a, b), np.array([[0, 1, 1, 0], [1, 1, 0, 0]], np.float32), EDGES),
    "CategoricalCrossentropy.logits": (
        lambda k, a, b: k.losses.CategoricalCrossentropy(from_logits=True)(a, b), HOT, OTHER),
    "CategoricalCrossentropy.smooth": (
        lambda k, a, b: k.losses.CategoricalCrossentropy(label_smoothing=0.1)(a, b), HOT, ROWS),
    "CategoricalCrossentropy.axis": (
        lambda k, a, b: k.losses.CategoricalCrossentropy(axis=0, reduction=None)(a, b), HOT, SHARE),
    "SparseCategoricalCrossentropy.logits": (
        lambda k, a, b: k.losses.SparseCategoricalCrossentropy(from_logits=True)(a, b), LABELS, OTHER),
    "SparseCategoricalCrossentropy.column": (
        lambda k, a, b: k.losses.SparseCategoricalCrossentropy()(a, b), LABELS[:, None], ROWS),
    "SparseCategoricalCrossentropy.ignored": (
        lambda k, a, b: k.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)(a, b), LABELS, OTHER),
    "BinaryFocalCrossentropy.balanced": (
        lambda k, a, b: k.losses.BinaryFocalCrossentropy(apply_class_balancing=True, gamma=3.0)(a, b), BITS, SHARE),
    "MeanSquaredError.column": (
        lambda k, a, b: k.losses.MeanSquaredError()(a, b), REAL[:, 0], OTHER[:, :1]),
    "sigmoid_then_entropy": (
        lambda k, a, b: k.losses.BinaryCrossentropy()(a, k.activations.sigmoid(20.0 * b)), BITS, OTHER),
    "softmax_then_entropy": (
        lambda k, a, b: k.losses.SparseCategoricalCrossentropy()(a, k.activations.softmax(40.0 * b)), LABELS, OTHER),
}  # fmt: skip


def loss(tf, name):
    """Value and gradient at the predictions."""
    function, true, pred = LOSSES[name]
    pred = tf.constant(pred)
    with tf.GradientTape() as tape:
        tape.watch(pred)
        value = function(tf.keras, true, pred)
        total = tf.reduce_sum(value * (1.0 + tf.range(tf.size(value), dtype=value.dtype)))
    return np.asarray(value), np.asarray(tape.gradient(total, pred))


METRICS = {
    "Mean": (lambda k: k.metrics.Mean(), None), "Sum": (lambda k: k.metrics.Sum(), None),
    "Accuracy": (lambda k: k.metrics.Accuracy(), (LABELS, np.array([0, 1, 1, 1, 2]))),
    "BinaryAccuracy": (lambda k: k.metrics.BinaryAccuracy(threshold=0.4), (BITS, SHARE)),
    "CategoricalAccuracy": (lambda k: k.metrics.CategoricalAccuracy(), (HOT, ROWS)),
    "SparseCategoricalAccuracy": (lambda k: k.metrics.SparseCategoricalAccuracy(), (LABELS, ROWS)),
    "SparseCategoricalAccuracy.column": (lambda k: k.metrics.SparseCategoricalAccuracy(), (LABELS[:, None], ROWS)),
    "TopKCategoricalAccuracy": (lambda k: k.metrics.TopKCategoricalAccuracy(k=2), (HOT, ROWS)),
    "SparseTopKCategoricalAccuracy": (lambda k: k.metrics.SparseTopKCategoricalAccuracy(k=2), (LABELS, ROWS)),
    "RootMeanSquaredError": (lambda k: k.metrics.RootMeanSquaredError(), (REAL, OTHER)),
    "R2Score": (lambda k: k.metrics.R2Score(), (REAL, OTHER)),
    "Precision": (lambda k: k.metrics.Precision(), (BITS, SHARE)),
    "Precision.thresholds": (lambda k: k.metrics.Precision(thresholds=[0.2, 0.7]), (BITS, SHARE)),
    "Precision.top": (lambda k: k.metrics.Precision(top_k=2), (BITS, SHARE)),
    "Recall": (lambda k: k.metrics.Recall(), (BITS, SHARE)),
    "Recall.class": (lambda k: k.metrics.Recall(class_id=1), (BITS, SHARE)),
    "TruePositives": (lambda k: k.metrics.TruePositives(), (BITS, SHARE)),
    "FalsePositives": (lambda k: k.metrics.FalsePositives(), (BITS, SHARE)),
    "TrueNegatives": (lambda k: k.metrics.TrueNegatives(), (BITS, SHARE)),
    "FalseNegatives": (lambda k: k.metrics.FalseNegatives(), (BITS, SHARE)),
    "AUC": (lambda k: k.metrics.AUC(), (BITS, SHARE)),
    "AUC.few": (lambda k: k.metrics.AUC(num_thresholds=7, summation_method="majoring"), (BITS, SHARE)),
    "AUC.precision": (lambda k: k.metrics.AUC(curve="PR", num_thresholds=20), (BITS, SHARE)),
    "MeanIoU": (lambda k: k.metrics.MeanIoU(num_classes=4), (LABELS, np.array([0, 1, 1, 1, 2]))),
    "CosineSimilarity": (lambda k: k.metrics.CosineSimilarity(), (REAL, OTHER)),
}  # fmt: skip
for _name in ("MeanSquaredError", "MeanAbsoluteError", "BinaryCrossentropy", "CategoricalCrossentropy", "Hinge",
              "SparseCategoricalCrossentropy", "KLDivergence", "Poisson", "SquaredHinge",
              "CategoricalHinge"):  # fmt: skip
    METRICS[_name] = (lambda k, n=_name: getattr(k.metrics, n)(), DATA[_name])


def metric(tf, name):
    """Results after one batch, after two, with weights, and after a reset; and the metric's name."""
    make, data = METRICS[name]
    tf.keras.backend.clear_session()
    out = make(tf.keras)
    found = []
    batches = [(REAL,), (OTHER,)] if data is None else [data, tuple(a[:3] for a in data)]
    for batch in batches:
        out.update_state(*batch)
        found.append(np.asarray(out.result()))
    if not name.startswith(("MeanIoU", "Sum")):
        out.update_state(*batches[0], sample_weight=WEIGHTS)
        found.append(np.asarray(out.result()))
    names = [v.path for v in out.variables]
    out.reset_state()
    called = np.asarray(out(*batches[1]))
    return out.name, names, [*found, called]


INITIALIZERS = {
    "Zeros": lambda i: i.Zeros(), "Ones": lambda i: i.Ones(), "Constant": lambda i: i.Constant(0.3),
    "Identity": lambda i: i.Identity(2.0), "RandomNormal": lambda i: i.RandomNormal(1.0, 2.0, seed=4),
    "RandomUniform": lambda i: i.RandomUniform(-1.0, 2.0, seed=4),
    "TruncatedNormal": lambda i: i.TruncatedNormal(seed=4),
    "VarianceScaling": lambda i: i.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=4),
    "GlorotNormal": lambda i: i.GlorotNormal(seed=4), "GlorotUniform": lambda i: i.GlorotUniform(seed=4),
    "HeNormal": lambda i: i.HeNormal(seed=4), "HeUniform": lambda i: i.HeUniform(seed=4),
    "LecunNormal": lambda i: i.LecunNormal(seed=4), "LecunUniform": lambda i: i.LecunUniform(seed=4),
}  # fmt: skip

SCHEDULES = {
    "ExponentialDecay": lambda s: s.ExponentialDecay(0.1, 3, 0.5),
    "ExponentialDecay.stairs": lambda s: s.ExponentialDecay(0.1, 3, 0.5, staircase=True),
    "InverseTimeDecay": lambda s: s.InverseTimeDecay(0.1, 2, 0.5),
    "PiecewiseConstantDecay": lambda s: s.PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1]),
    "PolynomialDecay": lambda s: s.PolynomialDecay(0.1, 4, 0.01, power=2.0),
    "PolynomialDecay.cycle": lambda s: s.PolynomialDecay(0.1, 4, 0.01, cycle=True),
    "CosineDecay": lambda s: s.CosineDecay(0.1, 5, alpha=0.1),
    "CosineDecay.warm": lambda s: s.CosineDecay(0.0, 5, warmup_target=0.1, warmup_steps=3),
    "CosineDecayRestarts": lambda s: s.CosineDecayRestarts(0.1, 3, t_mul=1.5, m_mul=0.8),
}  # fmt: skip

OPTIMIZERS = {
    "SGD": lambda o: o.SGD(0.1), "SGD.momentum": lambda o: o.SGD(0.05, momentum=0.9),
    "SGD.nesterov": lambda o: o.SGD(0.05, momentum=0.9, nesterov=True), "Adam": lambda o: o.Adam(0.05),
    "Adam.amsgrad": lambda o: o.Adam(0.05, amsgrad=True), "AdamW": lambda o: o.AdamW(0.05, weight_decay=0.1),
    "Adamax": lambda o: o.Adamax(0.05), "Nadam": lambda o: o.Nadam(0.05), "Adagrad": lambda o: o.Adagrad(0.1),
    "Adadelta": lambda o: o.Adadelta(1.0), "RMSprop": lambda o: o.RMSprop(0.02),
    "RMSprop.centered": lambda o: o.RMSprop(0.02, momentum=0.5, centered=True), "Lion": lambda o: o.Lion(0.01),
    "Ftrl": lambda o: o.Ftrl(0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.02),
    "Adam.clipnorm": lambda o: o.Adam(0.05, clipnorm=0.5), "SGD.clipvalue": lambda o: o.SGD(0.1, clipvalue=0.3),
    "SGD.global_clipnorm": lambda o: o.SGD(0.1, global_clipnorm=0.5),
    "SGD.average": lambda o: o.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3),
    "Adam.schedule": lambda o: o.Adam(o.schedules.ExponentialDecay(0.1, 4, 0.5)),
    "Adam.accumulated": lambda o: o.Adam(0.05, gradient_accumulation_steps=2),
    "SGD.decay": lambda o: o.SGD(0.1, weight_decay=0.05),
    "Lamb": lambda o: o.Lamb(0.05), "LossScaled": lambda o: o.SGD(0.1, loss_scale_factor=8.0),
}  # fmt: skip


def optimized(tf, name, steps=12, rows=True):
    """Weights after each step down a small loss with an unused and a row-wise used weight; and the state's names."""
    tf.keras.backend.clear_session()
    optimizer = OPTIMIZERS[name](tf.keras.optimizers)
    v = tf.Variable(REAL[:3], name="v")
    b = tf.Variable([0.5, -1.0], name="b")
    table = tf.Variable(OTHER, name="table")
    curve = []
    for step in range(steps):
        with tf.GradientTape() as tape:
            looked_up = tf.gather(table, [step % 5, 1]) if rows else table[1:3]
            loss = tf.reduce_sum(tf.sin(v) ** 2) + tf.reduce_sum((b - 2.0) ** 4) * 0.01
            loss += tf.reduce_mean(looked_up**2)
            scaled = optimizer.scale_loss(loss)
        variables = [v, b, table]
        optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables))
        curve.append([np.asarray(x).copy() for x in variables])
    return curve, [(x.path, tuple(x.shape)) for x in optimizer.variables], int(optimizer.iterations)
