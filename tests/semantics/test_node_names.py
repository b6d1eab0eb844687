"""What `grad_fn` is called, operator by operator."""

import re

import pytest

from tests.backend import needs, torch

# The name of the node, then the expression that makes it.
NAMES = """
AddBackward0                         x + 1
AddBackward0                         x + x
SubBackward0                         x - x
RsubBackward1                        1 - x
MulBackward0                         x * 2
MulBackward0                         x * x
DivBackward0                         x / x
MulBackward0                         2 / x
NegBackward0                         -x
PowBackward0                         x ** 2
PowBackward1                         x ** x
PowBackward2                         2 ** x
MmBackward0                          x @ s
MvBackward0                          x @ v
DotBackward0                         v @ v
ExpBackward0                         x.exp()
Expm1Backward0                       x.expm1()
LogBackward0                         x.log()
Log1PBackward0                       x.log1p()
Log2Backward0                        x.log2()
Log10Backward0                       x.log10()
SqrtBackward0                        x.sqrt()
RsqrtBackward0                       x.rsqrt()
SinBackward0                         x.sin()
CosBackward0                         x.cos()
TanBackward0                         x.tan()
AsinBackward0                        x.asin()
AcosBackward0                        x.acos()
AtanBackward0                        x.atan()
SinhBackward0                        x.sinh()
CoshBackward0                        x.cosh()
TanhBackward0                        x.tanh()
SigmoidBackward0                     x.sigmoid()
ReluBackward0                        x.relu()
AbsBackward0                         x.abs()
SignBackward0                        x.sign()
FloorBackward0                       x.floor()
RoundBackward0                       x.round()
ReciprocalBackward0                  x.reciprocal()
ErfBackward0                         x.erf()
LgammaBackward0                      x.lgamma()
ClampBackward1                       x.clamp(0, 1)
ClampBackward1                       x.clamp(min=0)
Atan2Backward0                       torch.atan2(x, x)
MaximumBackward0                     torch.maximum(x, x)
MinimumBackward0                     torch.minimum(x, x)
WhereBackward0                       torch.where(m, x, x)
LerpBackward0                        torch.lerp(x, x, 0.5)
AddcmulBackward0                     torch.addcmul(x, x, x)
AddcdivBackward0                     torch.addcdiv(x, x, x)
HypotBackward0                       torch.hypot(x, x)
SumBackward0                         x.sum()
SumBackward1                         x.sum(0)
MeanBackward0                        x.mean()
MeanBackward1                        x.mean(0)
ProdBackward0                        x.prod()
ProdBackward1                        x.prod(0)
MaxBackward1                         x.max()
MinBackward1                         x.min()
MaxBackward0                         x.max(0).values
MinBackward0                         x.min(0).values
AmaxBackward0                        x.amax(0)
AminBackward0                        x.amin(0)
MedianBackward0                      x.median()
LinalgVectorNormBackward0            x.norm()
StdBackward0                         x.std()
VarBackward0                         x.var()
LogsumexpBackward0                   x.logsumexp(0)
CumsumBackward0                      x.cumsum(0)
CumprodBackward0                     x.cumprod(0)
SortBackward0                        x.sort(0).values
TopkBackward0                        x.topk(1).values
ViewBackward0                        x.reshape(3, 2)
ViewBackward0                        x.view(6)
TBackward0                           x.t()
PermuteBackward0                     x.T
TransposeBackward0                   x.mT
TransposeBackward0                   x.transpose(0, 1)
PermuteBackward0                     x.permute(1, 0)
UnsqueezeBackward0                   x.unsqueeze(0)
SqueezeBackward0                     x.squeeze()
SqueezeBackward1                     x.squeeze(0)
ExpandBackward0                      x.expand(2, 2, 3)
RepeatBackward0                      x.repeat(2, 1)
CloneBackward0                       x.clone()
ToCopyBackward0                      x.to(torch.float64)
RollBackward0                        x.roll(1)
DiagonalBackward0                    x.diagonal()
TraceBackward0                       s.trace()
TrilBackward0                        x.tril()
TriuBackward0                        x.triu()
SelectBackward0                      x[0]
SelectBackward0                      x[:, 1]
SliceBackward0                       x[0:1]
SelectBackward0                      x[..., 0]
UnsqueezeBackward0                   x[None]
IndexBackward0                       x[torch.tensor([0, 1])]
SliceBackward0                       x.narrow(0, 0, 1)
SelectBackward0                      x.select(0, 0)
GatherBackward0                      x.gather(1, torch.zeros(2, 1, dtype=torch.long))
IndexSelectBackward0                 x.index_select(0, torch.tensor([0]))
MaskedFillBackward0                  x.masked_fill(m, 0.0)
MaskedSelectBackward0                x.masked_select(m)
ScatterBackward0                     x.scatter(0, torch.zeros(1, 3, dtype=torch.long), x)
IndexAddBackward0                    x.index_add(0, torch.tensor([0]), x[:1])
CatBackward0                         torch.cat([x, x])
StackBackward0                       torch.stack([x, x])
SplitBackward0                       x.split(1)[0]
UnbindBackward0                      x.unbind(0)[0]
UnfoldBackward0                      x.unfold(1, 2, 1)
AsStridedBackward0                   x.as_strided((2,), (1,))
BmmBackward0                         torch.bmm(b, b)
MulBackward0                         torch.outer(v, v)
AddmmBackward0                       torch.addmm(s, s, s)
LinalgCrossBackward0                 torch.cross(v, v, dim=0)
LinalgDetBackward0                   torch.det(s)
LinalgInvExBackward0                 torch.inverse(s)
LinalgSolveExBackward0               torch.linalg.solve(s, v)
LinalgCholeskyExBackward0            torch.linalg.cholesky(s @ s.T + torch.eye(3))
LinalgEighBackward0                  torch.linalg.eigh(s + s.T).eigenvalues
AddmmBackward0                       F.linear(x, s, v)
MmBackward0                          F.linear(x, s)
SoftmaxBackward0                     F.softmax(x, 0)
LogSoftmaxBackward0                  F.log_softmax(x, 0)
GeluBackward0                        F.gelu(x)
EluBackward0                         F.elu(x)
LeakyReluBackward0                   F.leaky_relu(x)
SoftplusBackward0                    F.softplus(x)
SiluBackward0                        F.silu(x)
HardtanhBackward0                    F.hardtanh(x)
LogSigmoidBackward0                  F.logsigmoid(x)
MseLossBackward0                     F.mse_loss(x, x)
MeanBackward0                        F.l1_loss(x, x)
SmoothL1LossBackward0                F.smooth_l1_loss(x, x)
NllLossBackward0                     F.cross_entropy(x, torch.tensor([0, 1]))
NllLossBackward0                     F.nll_loss(x, torch.tensor([0, 1]))
BinaryCrossEntropyWithLogitsBackward0 F.binary_cross_entropy_with_logits(x, x.detach())
ConvolutionBackward0                 F.conv2d(img, k)
NativeLayerNormBackward0             F.layer_norm(x, (3,))
NativeBatchNormBackward0             F.batch_norm(x, None, None, training=True)
EmbeddingBackward0                   F.embedding(torch.tensor([0]), x)
ConstantPadNdBackward0               F.pad(x, (1, 1))
AbsBackward0                         z.abs()
AngleBackward0                       z.angle()
SelectBackward0                      z.real
SelectBackward0                      z.imag
ConjBackward0                        z.conj()
ViewAsRealBackward0                  torch.view_as_real(z)
ComplexBackward0                     torch.complex(x, x)
PolarBackward0                       torch.polar(x, x)
FftR2CBackward0                      torch.fft.fft(x)
FlipBackward0                        x.flip(0)
PowBackward0                         x.square()
IndexBackward0                       x[x > 0.5]
"""


def rows():
    return [line.split(maxsplit=1) for line in NAMES.strip().splitlines()]


def operands():
    """The names the expressions above use: a matrix, vectors, a square, a batch, an image and a complex matrix."""
    torch.manual_seed(0)
    named = {
        "x": torch.rand(2, 3).add(0.1),
        "v": torch.rand(3).add(0.1),
        "s": torch.rand(3, 3).add(torch.eye(3)),
        "b": torch.rand(2, 3, 3),
        "img": torch.rand(1, 2, 4, 4),
        "k": torch.rand(3, 2, 2, 2),
        "z": torch.complex(torch.rand(2, 3), torch.rand(2, 3)),
    }
    for tensor in named.values():
        tensor.requires_grad_()
    mask = torch.tensor([[True, False, True], [False, True, True]])
    return {**named, "m": mask, "torch": torch, "F": torch.nn.functional}


@pytest.mark.parametrize("name, expression", rows(), ids=[row[1] for row in rows()])
def test_the_node_bears_the_name_of_its_operator(name, expression):
    for space in re.findall(r"\b(?:F|torch\.fft)\.\w+", expression):
        needs(torch, space.replace("F.", "nn.functional.").replace("torch.", ""))
    node = eval(expression, operands()).grad_fn
    assert node.name() == name and type(node).__name__ == name


def leaf():
    return torch.tensor([1.0, 2.0], requires_grad=True)


@pytest.mark.parametrize(
    "name, change",
    [
        ("MulBackward0", lambda y, x: y.mul_(2)),
        ("AddBackward0", lambda y, x: y.add_(x)),
        ("ZeroBackward0", lambda y, x: y.zero_()),
        ("FillBackward2", lambda y, x: y.fill_(2)),
        ("CopyBackwards", lambda y, x: y.copy_(x * 3)),
        ("CopySlices", lambda y, x: y.__setitem__(0, 5.0)),
        ("CopySlices", lambda y, x: y[:1].mul_(2)),
        ("IndexPutBackward0", lambda y, x: y.__setitem__(torch.tensor([0]), x[:1])),
        ("MaskedFillBackward0", lambda y, x: y.masked_fill_(torch.tensor([True, False]), 1.0)),
        ("ExpBackward0", lambda y, x: y.exp_()),
    ],
)
def test_names_after_in_place_operations(name, change):
    x = leaf()
    y = x.clone()
    change(y, x)
    assert type(y.grad_fn).__name__ == name
    assert y.grad_fn.name().removeprefix("torch::autograd::") == name
