"""Training loops written out, each a function of the module that gives the losses of its steps."""

import numpy as np

STEPS = 50
CASES = {}


def case(function):
    """Enter a loop under its function's name; it starts from fixed seeds and fresh names."""

    def run(tf):
        tf.keras.backend.clear_session()
        tf.keras.utils.set_random_seed(21)
        return np.array(function(tf, tf.keras, tf.keras.layers))

    CASES[function.__name__] = run
    return run


def table(rows, columns, seed=0):
    """Normal numbers."""
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def descend(tf, optimizer, variables, loss):
    """One step down a loss; its value."""
    with tf.GradientTape() as tape:
        value = loss()
    optimizer.apply_gradients(zip(tape.gradient(value, variables), variables))
    return float(value)


@case
def variables_only(tf, k, layers):
    x, y = table(64, 3), table(64, 1, 1)
    w, b = tf.Variable(tf.zeros((3, 1))), tf.Variable(0.0)
    losses = []
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((x @ w + b - y) ** 2)
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.1 * dw)
        b.assign_sub(0.1 * db)
        losses.append(float(loss))
    return losses


@case
def regression(tf, k, layers):
    x = table(96, 4)
    y = np.sin(x.sum(1, keepdims=True))
    model = k.Sequential([layers.Dense(16, activation="relu"), layers.Dense(16, activation="tanh"), layers.Dense(1)])
    optimizer, loss_fn = k.optimizers.Adam(1e-2), k.losses.MeanSquaredError()
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(96, seed=1).batch(16).repeat().take(STEPS)
    losses = []
    for a, b in data:
        with tf.GradientTape() as tape:
            loss = loss_fn(b, model(a, training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights))
        losses.append(float(loss))
    return losses


@case
def images(tf, k, layers):
    x = np.random.default_rng(2).normal(size=(24, 8, 8, 2)).astype(np.float32)
    y = np.arange(24) % 3
    model = k.Sequential([
        layers.Conv2D(6, 3, padding="same"), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(),
        layers.Conv2D(8, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dropout(0.2, seed=4),
        layers.Dense(3),
    ])  # fmt: skip
    optimizer = k.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    loss_fn = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model(x[:1])
    return [descend(tf, optimizer, model.trainable_variables, lambda: loss_fn(y, model(x, training=True)))
            for _ in range(STEPS)]  # fmt: skip


@case
def sequences(tf, k, layers):
    ids = np.random.default_rng(3).integers(1, 12, (16, 9))
    ids[:4, 6:] = 0
    model = k.Sequential([
        layers.Embedding(12, 6, mask_zero=True), layers.Bidirectional(layers.LSTM(5)), layers.Dense(1, "sigmoid"),
    ])  # fmt: skip
    y = (ids.sum(1, keepdims=True) % 2).astype(np.float32)
    optimizer, loss_fn = k.optimizers.Adam(5e-3), k.losses.BinaryCrossentropy()
    model(ids)
    return [descend(tf, optimizer, model.trainable_variables, lambda: loss_fn(y, model(ids))) for _ in range(STEPS)]


@case
def transformer(tf, k, layers):
    tokens = k.Input((7,), dtype="int32")
    x = layers.Embedding(10, 8)(tokens)
    a = layers.MultiHeadAttention(num_heads=2, key_dim=4)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, a]))
    f = layers.Dense(8)(layers.Dense(16, activation="gelu")(x))
    x = layers.LayerNormalization(epsilon=1e-6)(x + f)
    model = k.Model(tokens, layers.Dense(10)(x))
    ids = np.random.default_rng(5).integers(0, 10, (12, 8))
    optimizer = k.optimizers.AdamW(k.optimizers.schedules.CosineDecay(1e-2, STEPS), weight_decay=1e-3)
    loss_fn = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    return [descend(tf, optimizer, model.trainable_variables, lambda: loss_fn(ids[:, 1:], model(ids[:, :-1])))
            for _ in range(STEPS)]  # fmt: skip


@case
def gradient_penalty(tf, k, layers):
    model = k.Sequential([layers.Dense(12, activation="softplus"), layers.Dense(1)])
    x = table(20, 3, 7)
    optimizer = k.optimizers.RMSprop(5e-3)
    model(x)

    def loss():
        points = tf.constant(x)
        with tf.GradientTape() as inner:
            inner.watch(points)
            y = model(points)
        slope = inner.gradient(y, points)
        return tf.reduce_mean(y) + tf.reduce_mean((tf.norm(slope, axis=1) - 1.0) ** 2)

    return [descend(tf, optimizer, model.trainable_variables, loss) for _ in range(STEPS)]


@case
def layers_of_ones_own(tf, k, layers):
    class Residual(layers.Layer):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.inner = layers.Dense(units, activation="relu", kernel_regularizer=k.regularizers.L2(1e-3))

        def build(self, input_shape):
            self.gate = self.add_weight(shape=(input_shape[-1],), initializer="ones", trainable=True, name="gate")
            super().build(input_shape)

        def call(self, x):
            return x * self.gate + self.inner(x)

    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.parts = [Residual(5) for _ in range(3)]
            self.head = layers.Dense(2)

        def call(self, x, training=None):
            for part in self.parts:
                x = part(x)
            return self.head(x)

    model, x, y = Net(), table(30, 5), table(30, 2, 1)
    optimizer = k.optimizers.Adam(1e-2, clipnorm=1.0)
    model(x)

    def loss():
        return tf.reduce_mean(tf.abs(model(x) - y)) + tf.add_n(model.losses)

    return [descend(tf, optimizer, model.trainable_variables, loss) for _ in range(STEPS)]
