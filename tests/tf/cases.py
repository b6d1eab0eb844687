"""Expressions with one gradient each, run under this library and, where it is installed, under TensorFlow.

A case is a name, the arrays it is given and a function of the module and the tensors. `run` evaluates it and its
gradient with uneven weights, so that no two elements can be mixed up unnoticed.
"""

import numpy as np


def spread(*shape, seed=0, low=-2.0, high=2.0, dtype=np.float32):
    """Numbers without ties, in no order."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(dtype)


def positive(*shape, seed=0, dtype=np.float32):
    """Numbers between 0.2 and 3."""
    return spread(*shape, seed=seed, low=0.2, high=3.0, dtype=dtype)


KINKS = np.array([-1.0, -0.0, 0.0, 1.0, 2.0, 6.0, np.inf, -np.inf, np.nan], np.float32)
TIES = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]], np.float32)
MATRIX = spread(3, 3, seed=7) + 3 * np.eye(3, dtype=np.float32)
SPD = MATRIX @ MATRIX.T
IMAGE = spread(2, 6, 5, 3, seed=3)
SMALL_UNARY = [
    "abs",
    "acos",
    "asin",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "expm1",
    "floor",
    "lgamma",
    "log1p",
    "negative",
    "reciprocal",
    "rint",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "log_sigmoid",
    "log",
    "bessel_i0",
    "bessel_i0e",
    "bessel_i1",
    "bessel_i1e",
    "asinh",
    "reciprocal_no_nan",
]

CASES = {}


def case(name, *arrays):
    """Enter a case."""

    def enter(function):
        assert name not in CASES, name
        CASES[name] = (arrays, function)
        return function

    return enter


for _name in SMALL_UNARY:
    case(f"math.{_name}", spread(2, 3, low=0.1, high=0.9))(lambda tf, x, n=_name: getattr(tf.math, n)(x))
for _name in [
    "relu",
    "relu6",
    "elu",
    "selu",
    "leaky_relu",
    "gelu",
    "silu",
    "softplus",
    "softsign",
    "sigmoid",
    "tanh",
    "crelu",
    "softmax",
    "log_softmax",
]:
    case(f"nn.{_name}", spread(2, 3, seed=2))(lambda tf, x, n=_name: getattr(tf.nn, n)(x))
for _name in [
    "abs",
    "sign",
    "relu",
    "relu6",
    "elu",
    "selu",
    "leaky_relu",
    "softplus",
    "sqrt",
    "rsqrt",
    "square",
    "exp",
    "log",
    "reciprocal",
    "sigmoid",
    "tanh",
]:
    case(f"kinks.{_name}", KINKS)(
        lambda tf, x, n=_name: getattr(tf.math, n)(x) if hasattr(tf.math, n) else getattr(tf.nn, n)(x)
    )
for _name in [
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "pow",
    "atan2",
    "squared_difference",
    "floormod",
    "xlogy",
    "xdivy",
]:
    case(f"math.{_name}", positive(2, 3), positive(3, seed=1))(lambda tf, x, y, n=_name: getattr(tf.math, n)(x, y))
for _name in [
    "maximum",
    "minimum",
    "divide_no_nan",
    "multiply_no_nan",
    "xdivy",
    "xlogy",
    "xlog1py",
    "pow",
    "squared_difference",
]:
    case(f"ties.{_name}", np.array([0.0, 1.0, 0.0, 2.0], np.float32), np.array([0.0, 1.0, 1.0, 0.0], np.float32))(
        lambda tf, x, y, n=_name: getattr(tf.math, n)(x, y)
    )
for _name in ["sum", "mean", "max", "min", "prod", "logsumexp", "euclidean_norm", "std", "variance"]:
    for _axis in (None, 0, -1, [0, 1], []):
        case(f"reduce_{_name}[{_axis}]", spread(2, 3, seed=4))(
            lambda tf, x, n=_name, a=_axis: getattr(tf.math, f"reduce_{n}")(x, axis=a)
        )
    case(f"reduce_{_name}[keep]", spread(2, 3, seed=4))(
        lambda tf, x, n=_name: getattr(tf.math, f"reduce_{n}")(x, axis=1, keepdims=True)
    )
for _name in ["max", "min", "prod"]:
    case(f"ties.reduce_{_name}", TIES * 0 if _name == "prod" else TIES)(
        lambda tf, x, n=_name: getattr(tf, f"reduce_{n}")(x, axis=1)
    )
for _exclusive in (False, True):
    for _reverse in (False, True):
        for _name in ("cumsum", "cumprod", "cumulative_logsumexp"):
            case(f"{_name}[{_exclusive},{_reverse}]", positive(3, 2))(
                lambda tf, x, n=_name, e=_exclusive, r=_reverse: getattr(tf.math, n)(x, 0, exclusive=e, reverse=r)
            )

case("norm.zero", np.zeros((2, 3), np.float32))(lambda tf, x: tf.norm(x, axis=1))
case("norm.euclidean", spread(2, 3))(lambda tf, x: tf.norm(x))
case("norm.one", spread(2, 3))(lambda tf, x: tf.norm(x, 1, axis=1))
case("norm.inf", spread(2, 3))(lambda tf, x: tf.norm(x, np.inf, axis=1, keepdims=True))
case("norm.three", spread(2, 3))(lambda tf, x: tf.norm(x, 3, axis=0))
case("norm.matrix", spread(2, 3))(lambda tf, x: tf.norm(x, 1, axis=[0, 1]))
case("pow.negative_base", np.array([-2.0, 0.0, 3.0], np.float32), np.array([2.0, 2.0, 2.0], np.float32))(
    lambda tf, x, y: x**y
)
case("pow.number", spread(3))(lambda tf, x: x**3)
case("kinks.pow.zero", np.array([-1.0, 0.0, 2.0], np.float32))(lambda tf, x: x**0)
case("kinks.pow.zeros", np.array([-1.0, 0.0, 2.0], np.float32))(lambda tf, x: x ** tf.constant([0.0, 0.0, 2.0]))
case("clip_by_value", np.array([-1.0, 0.0, 0.5, 1.0, 2.0], np.float32))(lambda tf, x: tf.clip_by_value(x, 0.0, 1.0))
case("clip_by_norm", spread(2, 3))(lambda tf, x: tf.clip_by_norm(x, 1.0))
case("clip_by_global_norm", spread(2, 3))(lambda tf, x: tf.clip_by_global_norm([x, None, x], 1.0)[0][0])
case("matmul", spread(2, 3), spread(3, 4))(lambda tf, x, y: tf.matmul(x, y))
case("matmul.transposed", spread(3, 2), spread(4, 3))(
    lambda tf, x, y: tf.matmul(x, y, transpose_a=True, transpose_b=True)
)
case("matmul.batch", spread(2, 2, 3), spread(3, 4))(lambda tf, x, y: x @ y)
case("matvec", spread(2, 3), spread(3))(lambda tf, x, y: tf.linalg.matvec(x, y))
case("einsum", spread(2, 3), spread(3, 4))(lambda tf, x, y: tf.einsum("ij,jk->ki", x, y))
case("tensordot", spread(2, 3, 4), spread(4, 3))(lambda tf, x, y: tf.tensordot(x, y, [[1, 2], [1, 0]]))
case("tensordot.number", spread(2, 3), spread(3, 4))(lambda tf, x, y: tf.tensordot(x, y, 1))
case("transpose", spread(2, 3, 4))(lambda tf, x: tf.transpose(x, [2, 0, 1]))
case("reshape", spread(2, 6))(lambda tf, x: tf.reshape(x, [3, -1]))
case("concat", spread(2, 3), spread(1, 3))(lambda tf, x, y: tf.concat([x, y], 0))
case("stack", spread(2, 3), spread(2, 3, seed=1))(lambda tf, x, y: tf.stack([x, y], axis=1))
case("unstack", spread(3, 2))(lambda tf, x: tf.unstack(x)[1] * tf.unstack(x)[2])
case("split", spread(6, 2))(lambda tf, x: tf.split(x, 3)[1])
case("split.sizes", spread(2, 6))(lambda tf, x: tf.split(x, [1, -1, 2], axis=1)[1])
case("tile", spread(2, 3))(lambda tf, x: tf.tile(x, [2, 2]))
case("repeat", spread(2, 3))(lambda tf, x: tf.repeat(x, [1, 3], axis=0))
case("pad", spread(2, 3))(lambda tf, x: tf.pad(x, [[1, 0], [2, 1]], constant_values=5.0))
case("pad.reflect", spread(3, 4))(lambda tf, x: tf.pad(x, [[1, 2], [2, 1]], "REFLECT"))
case("pad.symmetric", spread(3, 4))(lambda tf, x: tf.pad(x, [[1, 3], [2, 1]], "SYMMETRIC"))
case("gather", spread(4, 3))(lambda tf, x: tf.gather(x, [0, 3, 3]))
case("gather.axis", spread(2, 4, 3))(lambda tf, x: tf.gather(x, [[0, 3], [3, 1]], axis=1))
case("gather.batch", spread(2, 4, 3))(lambda tf, x: tf.gather(x, [[0, 3], [2, 1]], batch_dims=1))
case("gather.batch.axis", spread(2, 3, 4))(lambda tf, x: tf.gather(x, [[0, 3, 1], [2, 1, 1]], axis=2, batch_dims=1))
case("gather_nd", spread(2, 3, 2))(lambda tf, x: tf.gather_nd(x, [[0, 1], [1, 2], [0, 1]]))
case("gather_nd.rows", spread(4, 2))(lambda tf, x: tf.gather_nd(x, [[3], [0], [3]]))
case("gather_nd.batch", spread(2, 3))(lambda tf, x: tf.gather_nd(x, [[1], [2]], batch_dims=1))
case("scatter_nd", spread(3, 2))(lambda tf, x: tf.scatter_nd([[3], [1], [3]], x, [5, 2]))
case("tensor_scatter_nd_add", spread(4, 2), spread(2, 2, seed=1))(
    lambda tf, x, y: tf.tensor_scatter_nd_add(x, [[3], [1]], y)
)
case("tensor_scatter_nd_sub", spread(4), spread(2, seed=1))(lambda tf, x, y: tf.tensor_scatter_nd_sub(x, [[3], [1]], y))
case("tensor_scatter_nd_update", spread(4, 2), spread(2, 2, seed=1))(
    lambda tf, x, y: tf.tensor_scatter_nd_update(x, [[3], [1]], y)
)
case("tensor_scatter_nd_max", spread(4), spread(2, seed=1))(lambda tf, x, y: tf.tensor_scatter_nd_max(x, [[3], [1]], y))
case("tensor_scatter_nd_min", spread(4), spread(2, seed=1))(lambda tf, x, y: tf.tensor_scatter_nd_min(x, [[3], [1]], y))
case("boolean_mask", spread(3, 2))(lambda tf, x: tf.boolean_mask(x, [True, False, True]))
case("boolean_mask.axis", spread(2, 3))(lambda tf, x: tf.boolean_mask(x, [True, False, True], axis=1))
case("where", spread(2, 3), spread(3, seed=1))(lambda tf, x, y: tf.where(x > 0.3, x, y))
case("slice", spread(3, 4))(lambda tf, x: tf.slice(x, [1, 0], [-1, 2]))
case("strided_slice", spread(5, 4))(lambda tf, x: tf.strided_slice(x, [4, 0], [0, 4], [-2, 1]))
case("item", spread(4, 5))(lambda tf, x: x[1:, ::-2])
case("item.new", spread(4, 5))(lambda tf, x: x[..., tf.newaxis, 2])
case("reverse", spread(2, 3))(lambda tf, x: tf.reverse(x, [0, 1]))
case("reverse_sequence", spread(2, 4))(lambda tf, x: tf.reverse_sequence(x, [2, 3], seq_axis=1, batch_axis=0))
case("roll", spread(2, 3))(lambda tf, x: tf.roll(x, [1, -1], [0, 1]))
case("sort", spread(2, 4))(lambda tf, x: tf.sort(x, direction="DESCENDING"))
case("top_k", spread(2, 4))(lambda tf, x: tf.math.top_k(x, 2).values)
case("expand_dims", spread(2, 3))(lambda tf, x: tf.expand_dims(x, -2))
case("squeeze", spread(2, 1, 3, 1))(lambda tf, x: tf.squeeze(x, [1]))
case("broadcast_to", spread(3))(lambda tf, x: tf.broadcast_to(x, [2, 3]))
case("meshgrid", spread(2), spread(3))(
    lambda tf, x, y: tf.meshgrid(x, y)[0] * tf.meshgrid(x, y, indexing="ij")[1][0, 0]
)
case("fill", np.float32(2.5))(lambda tf, x: tf.fill([2, 3], x))
case("linspace", np.float32(1.0), np.float32(4.0))(lambda tf, x, y: tf.linspace(x, y, 5))
case("cast", spread(3))(lambda tf, x: tf.cast(x, tf.float64))
case("add_n", spread(3), spread(3, seed=1))(lambda tf, x, y: tf.add_n([x, y, x]))
case("polyval", spread(3))(lambda tf, x: tf.math.polyval([1.0, 2.0, 3.0], x))
for _name in ["sum", "mean", "max", "min", "prod"]:
    case(f"segment_{_name}", positive(4, 2))(lambda tf, x, n=_name: getattr(tf.math, f"segment_{n}")(x, [0, 0, 2, 2]))
for _name in ["sum", "mean", "max", "min", "prod", "sqrt_n"]:
    case(f"unsorted_segment_{_name}", positive(4, 2))(
        lambda tf, x, n=_name: getattr(tf.math, f"unsorted_segment_{n}")(x, [2, 0, -1, 2], 3)
    )
case("dynamic_partition", spread(4, 2))(lambda tf, x: tf.dynamic_partition(x, [1, 0, 1, 1], 2)[1])
case("dynamic_stitch", spread(2, 2), spread(2, 2, seed=1))(lambda tf, x, y: tf.dynamic_stitch([[0, 2], [1, 2]], [x, y]))

# linear algebra
case("inv", MATRIX)(lambda tf, x: tf.linalg.inv(x))
case("det", MATRIX)(lambda tf, x: tf.linalg.det(x))
case("logdet", SPD)(lambda tf, x: tf.linalg.logdet(x))
case("slogdet", MATRIX)(lambda tf, x: tf.linalg.slogdet(x)[1])
case("cholesky", SPD)(lambda tf, x: tf.linalg.cholesky(x))
case("solve", MATRIX, spread(3, 2))(lambda tf, x, y: tf.linalg.solve(x, y))
case("solve.adjoint", MATRIX, spread(3, 2))(lambda tf, x, y: tf.linalg.solve(x, y, adjoint=True))
case("triangular_solve", MATRIX, spread(3, 2))(lambda tf, x, y: tf.linalg.triangular_solve(x, y))
case("cholesky_solve", MATRIX, spread(3, 2))(lambda tf, x, y: tf.linalg.cholesky_solve(x, y))
case("lstsq", spread(4, 2), spread(4, 1))(lambda tf, x, y: tf.linalg.lstsq(x, y))
case("svd.values", spread(3, 2))(lambda tf, x: tf.linalg.svd(x, compute_uv=False))
case("eigvalsh", SPD)(lambda tf, x: tf.linalg.eigvalsh(x + tf.transpose(x)))
case("trace", spread(3, 3))(lambda tf, x: tf.linalg.trace(x))
case("diag", spread(2, 3))(lambda tf, x: tf.linalg.diag(x))
case("diag_part", spread(2, 3, 3))(lambda tf, x: tf.linalg.diag_part(x))
case("set_diag", spread(3, 3), spread(3))(lambda tf, x, y: tf.linalg.set_diag(x, y))
case("band_part", spread(4, 4))(lambda tf, x: tf.linalg.band_part(x, 1, 0))
case("cross", spread(2, 3), spread(2, 3, seed=1))(lambda tf, x, y: tf.linalg.cross(x, y))
case("expm", spread(3, 3) * 0.3)(lambda tf, x: tf.linalg.expm(x))
case("pinv", spread(4, 2))(lambda tf, x: tf.linalg.pinv(x))
case("normalize", spread(2, 3))(lambda tf, x: tf.linalg.normalize(x, axis=1)[0])
case("global_norm", spread(2, 3))(lambda tf, x: tf.linalg.global_norm([x, x]))

# neural networks
case("l2_loss", spread(2, 3))(lambda tf, x: tf.nn.l2_loss(x))
case("l2_normalize", spread(2, 3))(lambda tf, x: tf.nn.l2_normalize(x, 1))
case("l2_normalize.zero", np.zeros((2, 3), np.float32))(lambda tf, x: tf.nn.l2_normalize(x, 1))
case("moments", spread(4, 3))(lambda tf, x: tf.stack(tf.nn.moments(x, [0])))
case("batch_normalization", spread(4, 3), positive(3))(
    lambda tf, x, s: tf.nn.batch_normalization(
        x, tf.constant([0.1, 0.2, 0.3]), tf.constant([1.0, 2.0, 3.0]), s * 2.0, s, 1e-3
    )
)
case("bias_add", spread(2, 3), spread(3))(lambda tf, x, b: tf.nn.bias_add(x, b))
case("softmax_ce", spread(2, 3), positive(2, 3))(
    lambda tf, x, z: tf.nn.softmax_cross_entropy_with_logits(labels=z, logits=x)
)
case("softmax_ce.axis", spread(2, 3, 2), positive(2, 3, 2))(
    lambda tf, x, z: tf.nn.softmax_cross_entropy_with_logits(labels=z, logits=x, axis=1)
)
case("sparse_ce", spread(2, 2, 3))(
    lambda tf, x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[[0, 2], [1, 1]], logits=x)
)
case("sigmoid_ce", np.array([-2.0, 0.0, 0.0, 3.0], np.float32), np.array([0.0, 0.3, 1.0, 1.0], np.float32))(
    lambda tf, x, z: tf.nn.sigmoid_cross_entropy_with_logits(labels=z, logits=x)
)
case("weighted_ce", spread(4), np.array([0.0, 0.3, 1.0, 1.0], np.float32))(
    lambda tf, x, z: tf.nn.weighted_cross_entropy_with_logits(labels=z, logits=x, pos_weight=2.0)
)
case("log_poisson", spread(4), positive(4))(lambda tf, x, z: tf.nn.log_poisson_loss(z, x, True))
case("embedding_lookup", spread(4, 3))(lambda tf, x: tf.nn.embedding_lookup(x, [[0, 3], [3, 1]]))
case("embedding_lookup.norm", spread(4, 3))(lambda tf, x: tf.nn.embedding_lookup(x, [0, 3], max_norm=1.0))
for _pad in ("SAME", "VALID"):
    for _stride in (1, 2, [1, 3]):
        case(f"conv2d[{_pad},{_stride}]", IMAGE, spread(3, 2, 3, 4, seed=5))(
            lambda tf, x, w, p=_pad, s=_stride: tf.nn.conv2d(x, w, s, p)
        )
        case(f"max_pool2d[{_pad},{_stride}]", IMAGE)(lambda tf, x, p=_pad, s=_stride: tf.nn.max_pool2d(x, [3, 2], s, p))
        case(f"avg_pool2d[{_pad},{_stride}]", IMAGE)(lambda tf, x, p=_pad, s=_stride: tf.nn.avg_pool2d(x, [3, 2], s, p))
    case(f"conv2d.dilated[{_pad}]", IMAGE, spread(2, 2, 3, 4, seed=5))(
        lambda tf, x, w, p=_pad: tf.nn.conv2d(x, w, 1, p, dilations=2)
    )
    case(f"conv1d[{_pad}]", spread(2, 7, 3), spread(3, 3, 4, seed=5))(lambda tf, x, w, p=_pad: tf.nn.conv1d(x, w, 2, p))
    case(f"conv3d[{_pad}]", spread(1, 4, 3, 4, 2), spread(2, 2, 3, 2, 3, seed=5))(
        lambda tf, x, w, p=_pad: tf.nn.conv3d(x, w, [1, 1, 1, 2, 1], p)
    )
    case(f"depthwise[{_pad}]", IMAGE, spread(3, 2, 3, 2, seed=5))(
        lambda tf, x, w, p=_pad: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], p)
    )
    case(f"conv2d_transpose[{_pad}]", spread(2, 3, 3, 4), spread(3, 2, 3, 4, seed=5))(
        lambda tf, x, w, p=_pad: tf.nn.conv2d_transpose(x, w, [2, 6, 6, 3] if p == "SAME" else [2, 7, 6, 3], 2, p)
    )
case("separable", IMAGE, spread(3, 2, 3, 2, seed=5), spread(1, 1, 6, 4, seed=6))(
    lambda tf, x, w, v: tf.nn.separable_conv2d(x, w, v, [1, 1, 1, 1], "SAME")
)
case("depth_to_space", spread(1, 2, 2, 8))(lambda tf, x: tf.nn.depth_to_space(x, 2))
case("space_to_depth", spread(1, 4, 4, 2))(lambda tf, x: tf.nn.space_to_depth(x, 2))
case("lrn", spread(1, 2, 2, 6))(lambda tf, x: tf.nn.local_response_normalization(x, 2, 1.0, 0.5, 0.75))

# control flow
case("while_loop", spread(3))(lambda tf, x: tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x), (0, x))[1])
case("cond", spread(3))(lambda tf, x: tf.cond(tf.reduce_sum(x) > 100.0, lambda: x, lambda: x * 2))
case("map_fn", spread(3, 2))(lambda tf, x: tf.map_fn(lambda r: r * tf.reduce_sum(r), x))
case("vectorized_map", spread(3, 2))(lambda tf, x: tf.vectorized_map(lambda r: r * tf.reduce_sum(r), x))
case("scan", spread(4))(lambda tf, x: tf.scan(lambda a, b: a * b, x))
case("foldl", spread(4))(lambda tf, x: tf.foldl(lambda a, b: a * b + a, x))
case("foldr", spread(4))(lambda tf, x: tf.foldr(lambda a, b: a * b + a, x))
case("function", spread(4))(lambda tf, x: tf.function(lambda y: y * y * x)(x))


def weights(shape, dtype):
    """An uneven first gradient."""
    count = int(np.prod(shape, dtype=int))
    return (np.arange(count, dtype=np.float64).reshape(shape) % 7 * 0.3 + 0.5).astype(dtype)


def run(tf, name):
    """Value, and gradients at every array (dense, None where there is none)."""
    arrays, function = CASES[name]
    sources = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        out = function(tf, *sources)
    gradients = tape.gradient(out, sources, output_gradients=tf.constant(weights(out.shape, out.dtype.as_numpy_dtype)))
    return out.numpy(), [None if g is None else tf.convert_to_tensor(g).numpy() for g in gradients]


for _name in ("flip_left_right", "rot90", "transpose", "total_variation", "image_gradients", "sobel_edges",
              "rgb_to_grayscale"):  # fmt: skip
    case(f"image.{_name}", IMAGE)(
        lambda tf, x, n=_name: tf.concat(y, 0) if isinstance(y := getattr(tf.image, n)(x), tuple) else y
    )
case("image.crop", IMAGE)(lambda tf, x: tf.image.crop_to_bounding_box(x, 1, 2, 3, 2))
case("image.pad", IMAGE)(lambda tf, x: tf.image.pad_to_bounding_box(x, 1, 2, 8, 9))
case("image.float32.contrast", IMAGE)(lambda tf, x: tf.image.adjust_contrast(tf.stop_gradient(x), 1.5) + 0.0 * x)
case("image.float32.psnr", IMAGE)(lambda tf, x: tf.image.psnr(x, x * 0.9 + 0.1, max_val=2.0))
case("image.float32.standardization", IMAGE)(lambda tf, x: tf.image.per_image_standardization(x))
for _size in ((9, 4), (3, 11), (6, 5), (1, 1)):
    case(f"image.float32.bilinear{_size}", IMAGE)(lambda tf, x, s=_size: tf.image.resize(x, s))
    case(f"image.nearest{_size}", IMAGE)(lambda tf, x, s=_size: tf.image.resize(x, s, method="nearest"))
case("math.lbeta", positive(3, 4))(lambda tf, x: tf.math.lbeta(x))
