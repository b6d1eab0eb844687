"""The demonstration: handwritten digits, read by a network written by hand on the tape alone.

Layers, loss, optimizer and two custom Functions are spelled out here, so that everything that is learned
comes from tensors, a tape and `backward()`. The torch-like module is a parameter: the same program runs
on wengert and on torch.
"""

import math
import time
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

SIZES = (64, 160, 80, 10)
"""Widths of the layers: 8x8 pixels in, ten digits out."""

EPOCHS = 40
BATCH = 64
LEARNING_RATE = 2e-3
NOISE = 0.15
"""Standard deviation of what is added to every pixel while learning, so that no image is seen twice."""


class Digits(NamedTuple):
    """Images `(n, 64)` in [0, 1] and their labels `(n,)`, split into a training and a test part."""

    train_images: Any
    train_labels: Any
    test_images: Any
    test_labels: Any


class Result(NamedTuple):
    """What a run of the demonstration came to."""

    accuracy: float
    losses: list[float]
    epoch_accuracies: list[float]
    seconds: float
    picture: Path | None


def load_digits() -> Digits:
    """The 1,797 digits that come with scikit-learn: 1,437 to learn from, 360 to be tested on."""
    from sklearn.datasets import load_digits as bundled
    from sklearn.model_selection import train_test_split

    images, labels = bundled(return_X_y=True)
    images = (images / 16.0).astype("float32")
    parts = train_test_split(images, labels, test_size=360, random_state=0, stratify=labels)
    return Digits(parts[0], parts[2], parts[1], parts[3])


def functions(torch: Any) -> tuple[Any, Any]:
    """Two Functions with a backward of their own: the activation x * sigmoid(x), and the loss."""

    class Swish(torch.autograd.Function):
        """x * sigmoid(x); its derivative is s + x * s * (1 - s) with s = sigmoid(x)."""

        @staticmethod
        def forward(ctx, x):
            gate = 1 / (1 + torch.exp(-x))
            ctx.save_for_backward(x, gate)
            return x * gate

        @staticmethod
        def backward(ctx, gradient):
            x, gate = ctx.saved_tensors
            return gradient * (gate + x * gate * (1 - gate))

    class CrossEntropy(torch.autograd.Function):
        """Mean of -sum(target * log_softmax(logits)); its derivative is (softmax - target) / n."""

        @staticmethod
        def forward(ctx, logits, target):
            shifted = logits - logits.amax(dim=1, keepdim=True)
            log_probability = shifted - torch.log(torch.exp(shifted).sum(dim=1, keepdim=True))
            ctx.save_for_backward(log_probability, target)
            return -(target * log_probability).sum() / len(logits)

        @staticmethod
        def backward(ctx, gradient):
            log_probability, target = ctx.saved_tensors
            return gradient * (torch.exp(log_probability) - target) / len(target), None

    return Swish, CrossEntropy


class Network:
    """Three affine layers with `activation` between them; `parameters` are the leaves of the tape."""

    def __init__(self, torch: ModuleType, activation: Any):
        self.activation = activation
        self.layers = []
        for fan_in, fan_out in zip(SIZES, SIZES[1:]):
            weight = torch.randn(fan_in, fan_out) * math.sqrt(2 / fan_in)
            self.layers.append((weight.requires_grad_(), torch.zeros(fan_out, requires_grad=True)))
        self.parameters = [parameter for layer in self.layers for parameter in layer]

    def __call__(self, x: Any) -> Any:
        """Scores `(n, 10)` of images `(n, 64)`."""
        for weight, bias in self.layers[:-1]:
            x = self.activation.apply(x @ weight + bias)
        weight, bias = self.layers[-1]
        return x @ weight + bias


class Adam:
    """Adam (Kingma and Ba, 2015, algorithm 1), written out under `no_grad`."""

    def __init__(self, torch: ModuleType, parameters: list[Any]):
        self.torch = torch
        self.parameters = parameters
        self.first = [torch.zeros_like(parameter) for parameter in parameters]
        self.second = [torch.zeros_like(parameter) for parameter in parameters]
        self.steps = 0

    def step(self, rate: float) -> None:
        """Move every parameter against its gradient, then forget the gradients."""
        self.steps += 1
        first_scale, second_scale = 1 - 0.9**self.steps, 1 - 0.999**self.steps
        with self.torch.no_grad():
            for parameter, first, second in zip(self.parameters, self.first, self.second):
                gradient = parameter.grad
                first.mul_(0.9).add_(gradient, alpha=0.1)
                second.mul_(0.999).add_(gradient * gradient, alpha=0.001)
                parameter -= rate * (first / first_scale) / ((second / second_scale).sqrt() + 1e-8)
                parameter.grad = None


def run(torch: ModuleType, picture: str | Path | None = None, *, epochs: int = EPOCHS, quiet: bool = False) -> Result:
    """Train on the digits with `torch` (wengert, or torch itself), test, and draw `picture` if one is named.

    The seed is fixed: every run on one machine gives the same numbers.
    """
    digits = load_digits()
    started = time.perf_counter()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # in products this small a second thread saves nothing, and on a busy machine costs much
    try:
        network, losses, accuracies = learned(torch, digits, epochs, quiet)
    finally:
        torch.set_num_threads(threads)
    seconds = time.perf_counter() - started
    drawn = None
    if picture is not None:
        from wengert.tools.demo_picture import draw

        drawn = draw(Path(picture), digits, predict(torch, network, digits), losses, accuracies, seconds)
    return Result(accuracies[-1], losses, accuracies, seconds, drawn)


def learned(torch: ModuleType, digits: Digits, epochs: int, quiet: bool) -> tuple[Network, list[float], list[float]]:
    """A network that has learned for `epochs`, the loss of every step, and the test accuracy after every epoch."""
    from tqdm import tqdm

    torch.manual_seed(0)
    activation, loss_function = functions(torch)
    network = Network(torch, activation)
    optimizer = Adam(torch, network.parameters)
    images = torch.from_numpy(digits.train_images)
    targets = torch.zeros(len(images), 10)
    targets[torch.arange(len(images)), torch.from_numpy(digits.train_labels)] = 1.0
    losses: list[float] = []
    accuracies: list[float] = []
    with tqdm(range(epochs), desc="training", unit="epoch", disable=quiet) as progress:
        for epoch in progress:
            rate = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
            for chosen in torch.randperm(len(images)).split(BATCH):
                seen = images[chosen] + NOISE * torch.randn(len(chosen), images.shape[1])
                loss = loss_function.apply(network(seen), targets[chosen])
                loss.backward()
                optimizer.step(rate)
                losses.append(loss.item())
            accuracies.append(float((predict(torch, network, digits) == digits.test_labels).mean()))
            progress.set_postfix(loss=f"{losses[-1]:.3f}", test=f"{accuracies[-1]:.1%}")
    return network, losses, accuracies


def predict(torch: ModuleType, network: Network, digits: Digits) -> Any:
    """The digit that `network` reads in each test image, as a NumPy array `(n,)`."""
    with torch.no_grad():
        return network(torch.from_numpy(digits.test_images)).argmax(dim=1).numpy()


def report(torch: ModuleType, picture: str | Path = "wengert-demo.png") -> int:
    """Run the demonstration, print what came out, and return the exit code: 0 from 97 % on."""
    for name in ("sklearn", "matplotlib", "tqdm"):
        if find_spec(name) is None:  # before the work, not after it
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    print(f"1,437 digits to learn from, 360 to be tested on; layers {' -> '.join(map(str, SIZES))}")
    result = run(torch, picture)
    print(f"test accuracy {result.accuracy:.2%} after {len(result.losses)} steps in {result.seconds:.1f} s")
    print(f"picture: {result.picture}")
    return 0 if result.accuracy >= 0.97 else 1
