"""Connectionist temporal classification: the likelihood of label sequences under frame-wise class probabilities.

With S = 2 L + 1 states (the labels with blanks between and around them), alpha[t, s] is the log-probability of all
paths through frames 0 ... t that end in state s, beta[t, s] that of finishing from there.
Source: A. Graves et al., Connectionist temporal classification (2006), section 4.1.
"""

from __future__ import annotations

import numpy

from wengert.core.operators.kinds import opaque
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

NEVER = -1e30  # log of a probability 0 that arithmetic can still be done with


def _shifted(m, states, count):
    """States moved by `count` places (left if negative), what comes in is impossible."""
    return m.constant_pad_nd(states, (count, -count), NEVER)


def _forward(m, emissions, skip, start, alive):
    """alpha for every frame; frames that are not alive repeat the one before."""
    states = start + emissions[0]
    found = [states]
    for t in range(1, len(emissions)):
        ways = m.logaddexp(states, _shifted(m, states, 1))
        ways = m.logaddexp(ways, _shifted(m, states, 2) + skip)
        states = m.where(alive[t], ways + emissions[t], states)
        found.append(states)
    return found


def _backward(m, emissions, skip, end, alive):
    """beta for every frame, without that frame's own emission."""
    states = end
    found = [states]
    for t in range(len(emissions) - 1, 0, -1):
        ahead = states + emissions[t]
        ways = m.logaddexp(ahead, _shifted(m, ahead, -1))
        ways = m.logaddexp(ways, _shifted(m, ahead + skip, -2))
        states = m.where(alive[t], ways, states)
        found.append(states)
    return found[::-1]


def _gradient(m, g, out, log_probs, labels, skip, start, end, alive):
    frames, rows, classes = log_probs.shape
    index = m.expand(m.unsqueeze(labels, 0), (frames, *labels.shape))
    emissions = m.unbind(m.gather(log_probs, 2, index), 0)
    mask = m.unbind(m.unsqueeze(alive, 2), 0)
    alpha = m.stack(_forward(m, emissions, skip, start, mask), 0)
    beta = m.stack(_backward(m, emissions, skip, end, mask), 0)
    total = m.logsumexp(alpha[-1] + end, 1)
    share = m.exp(m.clamp_max(alpha + beta - m.unsqueeze(total, 1), 0.0))
    posterior = m.gather_backward(share, (frames, rows, classes), 2, index)
    slope = m.where(m.unsqueeze(alive, 2), m.exp(log_probs) - posterior, 0.0)
    return m.unsqueeze(g, 1) * slope


def _samples(s):
    labels = numpy.array([[0, 1, 0, 2, 0], [0, 2, 0, 0, 0]])
    skip = numpy.array([[NEVER, NEVER, NEVER, 0.0, NEVER], [NEVER] * 5])
    start = numpy.array([[0.0, 0.0, NEVER, NEVER, NEVER]] * 2)
    end = numpy.array([[NEVER, NEVER, NEVER, 0.0, 0.0], [NEVER, 0.0, 0.0, NEVER, NEVER]])
    alive = numpy.arange(4)[:, None] < numpy.array([4, 3])
    # So unlikely that exp(log_probs), which the gradient contains beside the derivative, vanishes.
    return [call(s.array(4, 2, 3, low=-64.0, high=-60.0), labels, skip, start, end, alive)]


@opaque(vjp=(_gradient,), space=None, method=False, backward_name="CtcLossBackward0", samples=_samples)
def ctc_kernel(np, log_probs: Array, labels: Array, skip: Array, start: Array, end: Array, alive: Array):
    """-log P(labels) for each row, summed over all alignments.

    log_probs (T, N, C); labels (N, S) with blanks; skip, start, end (N, S): 0 where a state may be reached over the
    one before it, begin, finish, else impossible; alive (T, N): frames that count.
    The gradient is exp(log_probs) minus the posterior, as torch has it: what softmax's inputs should get, and after
    log_softmax the same as the derivative.
    """
    frames = log_probs.shape[0]
    index = np.broadcast_to(labels[None], (frames, *labels.shape))
    emissions = np.take_along_axis(log_probs, index, 2)
    states = start + emissions[0]
    rows = labels.shape[0]
    none, two = np.full((rows, 1), NEVER, states.dtype), np.full((rows, 2), NEVER, states.dtype)
    for t in range(1, frames):
        ways = np.logaddexp(states, np.concatenate([none, states[:, :-1]], 1))
        if states.shape[1] > 2:
            ways = np.logaddexp(ways, np.concatenate([two, states[:, :-2]], 1) + skip)
        states = np.where(alive[t][:, None], ways + emissions[t], states)
    last = states + end
    top = last.max(axis=1, keepdims=True)
    total = (top + np.log(np.exp(last - top).sum(axis=1, keepdims=True)))[:, 0]
    return np.where(total < NEVER / 2, np.inf, -total).astype(log_probs.dtype)
