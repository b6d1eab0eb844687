"""Layers by name: a function that makes one, and the arrays it is called on."""

import numpy as np

CASES = {}


def numbers(*shape, seed=0):
    """Numbers without ties."""
    return np.random.default_rng(seed).uniform(-2.0, 2.0, shape).astype(np.float32)


def case(name, *arrays, together=False, **options):
    """Enter a layer; `together`: the arrays are one argument, a list."""

    def enter(make):
        assert name not in CASES, name
        CASES[name] = (make, arrays, together, options)
        return make

    return enter


VECTORS, SEQUENCES, IMAGES, VOLUMES = (
    numbers(4, 6),
    numbers(3, 7, 5, seed=1),
    numbers(2, 8, 7, 3, seed=2),
    numbers(2, 5, 6, 4, 2, seed=3),
)
PLACES = np.array([[1, 2, 0, 3], [4, 0, 0, 2]])

case("Dense", VECTORS)(lambda k: k.layers.Dense(3))
case("Dense.relu", VECTORS)(lambda k: k.layers.Dense(3, activation="relu", kernel_initializer="he_normal"))
case("Dense.of_sequences", SEQUENCES)(lambda k: k.layers.Dense(4, "tanh", use_bias=False))
case("Dense.regularized", VECTORS)(
    lambda k: k.layers.Dense(
        2, kernel_regularizer="l2", bias_regularizer=k.regularizers.L1(0.1), bias_initializer="ones"
    )
)
for _name in ("elu", "gelu", "hard_sigmoid", "leaky_relu", "log_softmax", "mish", "relu6", "selu", "sigmoid", "silu",
              "softmax", "softplus", "softsign", "exponential", "hard_silu"):  # fmt: skip
    case(f"Activation.{_name}", VECTORS)(lambda k, n=_name: k.layers.Activation(n))
case("Embedding", PLACES)(lambda k: k.layers.Embedding(5, 3))
case("Flatten", IMAGES)(lambda k: k.layers.Flatten())
case("Reshape", VECTORS)(lambda k: k.layers.Reshape((3, -1)))
case("Permute", SEQUENCES)(lambda k: k.layers.Permute((2, 1)))
case("RepeatVector", VECTORS)(lambda k: k.layers.RepeatVector(3))
case("Rescaling", VECTORS)(lambda k: k.layers.Rescaling(0.5, offset=-1.0))
case("Lambda", VECTORS)(lambda k: k.layers.Lambda(lambda x: x * x))
case("ReLU", VECTORS)(lambda k: k.layers.ReLU(max_value=1.5, negative_slope=0.1))
case("LeakyReLU", VECTORS)(lambda k: k.layers.LeakyReLU(negative_slope=0.2))
case("ELU", VECTORS)(lambda k: k.layers.ELU(alpha=0.7))
case("PReLU", VECTORS)(lambda k: k.layers.PReLU(alpha_initializer="ones"))
case("Softmax", SEQUENCES)(lambda k: k.layers.Softmax(axis=1))
case("Dropout", VECTORS)(lambda k: k.layers.Dropout(0.4, seed=3))
case("Dropout.seedless", VECTORS)(lambda k: k.layers.Dropout(0.4))
case("Dropout.noise_shape", SEQUENCES)(lambda k: k.layers.Dropout(0.4, noise_shape=(None, 1, None), seed=3))
case("SpatialDropout1D", SEQUENCES)(lambda k: k.layers.SpatialDropout1D(0.5, seed=2))
case("SpatialDropout2D", IMAGES)(lambda k: k.layers.SpatialDropout2D(0.5, seed=2))
case("GaussianNoise", VECTORS)(lambda k: k.layers.GaussianNoise(0.3, seed=2))
case("GaussianDropout", VECTORS)(lambda k: k.layers.GaussianDropout(0.3, seed=2))
case("BatchNormalization", VECTORS)(lambda k: k.layers.BatchNormalization())
case("BatchNormalization.images", IMAGES)(lambda k: k.layers.BatchNormalization(momentum=0.9, epsilon=1e-2))
case("BatchNormalization.axis", IMAGES)(lambda k: k.layers.BatchNormalization(axis=1, scale=False))
case("LayerNormalization", SEQUENCES)(lambda k: k.layers.LayerNormalization())
case("LayerNormalization.axes", IMAGES)(lambda k: k.layers.LayerNormalization(axis=[1, 2], center=False, epsilon=1e-2))
case("GroupNormalization", numbers(2, 4, 6))(lambda k: k.layers.GroupNormalization(groups=3))
case("RMSNormalization", VECTORS)(lambda k: k.layers.RMSNormalization())
case("UnitNormalization", VECTORS)(lambda k: k.layers.UnitNormalization())
case("Conv1D", SEQUENCES)(lambda k: k.layers.Conv1D(4, 3))
case("Conv1D.causal", SEQUENCES)(lambda k: k.layers.Conv1D(4, 3, padding="causal", dilation_rate=2))
case("Conv2D", IMAGES)(lambda k: k.layers.Conv2D(4, 3, activation="relu"))
case("Conv2D.same", IMAGES)(lambda k: k.layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", use_bias=False))
case("Conv2D.dilated", IMAGES)(lambda k: k.layers.Conv2D(4, 2, dilation_rate=2))
case("Conv2D.groups", numbers(2, 6, 6, 4))(lambda k: k.layers.Conv2D(6, 3, groups=2))
case("Conv3D", VOLUMES)(lambda k: k.layers.Conv3D(3, 2))
case("Conv1DTranspose", SEQUENCES)(lambda k: k.layers.Conv1DTranspose(4, 3, strides=2))
case("Conv2DTranspose", IMAGES)(lambda k: k.layers.Conv2DTranspose(4, 3, strides=2, padding="same"))
case("Conv2DTranspose.output_padding", IMAGES)(
    lambda k: k.layers.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1)
)
case("DepthwiseConv2D", IMAGES)(lambda k: k.layers.DepthwiseConv2D(3, depth_multiplier=2))
case("SeparableConv2D", IMAGES)(lambda k: k.layers.SeparableConv2D(4, 3, padding="same"))
for _n, _x in ((1, SEQUENCES), (2, IMAGES), (3, VOLUMES)):
    for _kind in ("MaxPooling", "AveragePooling"):
        case(f"{_kind}{_n}D", _x)(lambda k, n=f"{_kind}{_n}D": getattr(k.layers, n)(2))
        case(f"{_kind}{_n}D.same", _x)(lambda k, n=f"{_kind}{_n}D": getattr(k.layers, n)(3, strides=2, padding="same"))
        case(f"Global{_kind}{_n}D", _x)(lambda k, n=f"Global{_kind}{_n}D": getattr(k.layers, n)())
    case(f"ZeroPadding{_n}D", _x)(lambda k, n=f"ZeroPadding{_n}D": getattr(k.layers, n)(2))
    case(f"Cropping{_n}D", _x)(lambda k, n=f"Cropping{_n}D": getattr(k.layers, n)(1))
    case(f"UpSampling{_n}D", _x)(lambda k, n=f"UpSampling{_n}D": getattr(k.layers, n)(2))
case("ZeroPadding2D.uneven", IMAGES)(lambda k: k.layers.ZeroPadding2D(((1, 0), (2, 3))))
case("UpSampling2D.bilinear", IMAGES)(lambda k: k.layers.UpSampling2D((2, 3), interpolation="bilinear"))
for _name in ("SimpleRNN", "LSTM", "GRU"):
    case(_name, SEQUENCES)(lambda k, n=_name: getattr(k.layers, n)(4))
    case(f"{_name}.sequences", SEQUENCES)(
        lambda k, n=_name: getattr(k.layers, n)(4, return_sequences=True, go_backwards=True)
    )
    case(f"{_name}.state", SEQUENCES)(lambda k, n=_name: getattr(k.layers, n)(4, return_state=True, activation="relu"))
    case(f"{_name}.bidirectional", SEQUENCES)(
        lambda k, n=_name: k.layers.Bidirectional(getattr(k.layers, n)(4, return_sequences=True))
    )
case("GRU.reset_before", SEQUENCES)(lambda k: k.layers.GRU(4, reset_after=False))
case("LSTM.no_forget_bias", SEQUENCES)(lambda k: k.layers.LSTM(3, unit_forget_bias=False, use_bias=True))
case("LSTM.bidirectional.sum", SEQUENCES)(lambda k: k.layers.Bidirectional(k.layers.LSTM(4), merge_mode="sum"))
case("RNN.cells", SEQUENCES)(lambda k: k.layers.RNN([k.layers.LSTMCell(3), k.layers.GRUCell(4)]))
case("TimeDistributed", SEQUENCES)(lambda k: k.layers.TimeDistributed(k.layers.Dense(3, activation="sigmoid")))
case("MultiHeadAttention", SEQUENCES, SEQUENCES)(lambda k: k.layers.MultiHeadAttention(num_heads=2, key_dim=3))
case("MultiHeadAttention.causal", SEQUENCES, SEQUENCES, use_causal_mask=True)(
    lambda k: k.layers.MultiHeadAttention(num_heads=2, key_dim=3, value_dim=4, output_shape=6)
)
case("Attention", SEQUENCES, numbers(3, 4, 5, seed=5), together=True)(lambda k: k.layers.Attention(use_scale=True))
case("AdditiveAttention", SEQUENCES, numbers(3, 4, 5, seed=5), together=True)(lambda k: k.layers.AdditiveAttention())
case("EinsumDense", SEQUENCES)(lambda k: k.layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"))
for _name in ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Concatenate"):
    case(_name, VECTORS, numbers(4, 6, seed=9), together=True)(lambda k, n=_name: getattr(k.layers, n)())
case("Concatenate.axis", SEQUENCES, numbers(3, 2, 5), together=True)(lambda k: k.layers.Concatenate(axis=1))
case("Dot", VECTORS, numbers(4, 6, seed=9), together=True)(lambda k: k.layers.Dot(axes=1, normalize=True))
case("Dot.sequences", SEQUENCES, numbers(3, 4, 5), together=True)(lambda k: k.layers.Dot(axes=2))
case("Masking", np.where(np.arange(7)[:, None] % 3 == 0, 0.0, SEQUENCES).astype(np.float32))(
    lambda k: k.layers.Masking()
)
case("Sequential", IMAGES)(
    lambda k: k.Sequential([
        k.layers.Conv2D(4, 3, activation="relu"), k.layers.MaxPooling2D(), k.layers.Flatten(), k.layers.Dropout(0.3),
        k.layers.Dense(3, activation="softmax"),
    ])
)  # fmt: skip
case("Sequential.masked", PLACES)(
    lambda k: k.Sequential([k.layers.Embedding(5, 3, mask_zero=True), k.layers.LSTM(4), k.layers.Dense(1)])
)


@case("Model.functional", VECTORS)
def functional(k):
    x = k.Input((6,))
    h = k.layers.Dense(5, activation="relu", name="shared")(x)
    a = k.layers.Dense(3)(h)
    b = k.layers.Dense(3)(h * 2.0 + 1.0)
    return k.Model(x, [k.layers.Add()([a, b]), k.layers.Concatenate()([a, h])], name="both")


@case("Model.subclassed", VECTORS)
def subclassed(k):
    class Block(k.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.units = units
            self.norm = k.layers.LayerNormalization()

        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
            self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True, name="shift")

        def call(self, inputs):
            return self.norm(inputs @ self.w + self.b)

    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [Block(4), Block(3)]
            self.drop = k.layers.Dropout(0.5)
            self.last = k.layers.Dense(2)

        def call(self, x, training=False):
            for block in self.blocks:
                x = block(x)
            return self.last(self.drop(x, training=training))

    return Net()


def weights_of(layer):
    """Paths and values of the weights; numbers that count how many models were made before are left out."""
    return [(v.path, bool(v.trainable), np.asarray(v)) for v in layer.weights]


def run(tf, name, training):
    """First weights, outputs, losses and gradients of a case, all NumPy's."""
    make, arrays, together, options = CASES[name]
    k = tf.keras
    k.backend.clear_session()
    k.utils.set_random_seed(11)
    layer = make(k)
    inputs = [tf.constant(a) for a in arrays]
    given = [inputs] if together else inputs
    with tf.GradientTape() as tape:
        tape.watch([x for x in inputs if x.dtype.is_floating])
        outputs = tf.nest.flatten(layer(*given, training=training, **options))
        total = tf.add_n([tf.reduce_sum(y * weighting(y.shape)) for y in outputs])
        total += tf.add_n(layer.losses) if layer.losses else 0.0
    first = weights_of(layer)
    sources = [*[x for x in inputs if x.dtype.is_floating], *layer.trainable_variables]
    found = tape.gradient(total, sources)
    gradients = [None if g is None else np.asarray(tf.convert_to_tensor(g)) for g in found]
    return first, [np.asarray(y) for y in outputs], gradients


def weighting(shape):
    """Numbers that differ from element to element, so that no two can be mixed up."""
    size = int(np.prod(shape))
    return (np.sin(np.arange(size) * 1.7) + 0.2).astype(np.float32).reshape(tuple(shape))
