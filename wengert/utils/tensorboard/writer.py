"""Writes the curves of a run: TensorBoard's event files where tensorboardX is installed, else JSON lines and CSV."""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from typing import Any

from wengert.core.tape.core import TensorBase

_NEEDS_X = (
    "add_audio", "add_custom_scalars", "add_custom_scalars_marginchart", "add_custom_scalars_multilinechart",
    "add_embedding", "add_figure", "add_graph", "add_histogram_raw", "add_image", "add_image_with_boxes", "add_images",
    "add_mesh", "add_onnx_graph", "add_pr_curve", "add_pr_curve_raw", "add_tensor", "add_video",
)  # fmt: skip
_told: set[str] = set()


def told_once(message: str) -> None:
    """Warn once a process."""
    if message not in _told:
        _told.add(message)
        warnings.warn(message, UserWarning, stacklevel=4)


def plain(value: Any) -> Any:
    """Tensors in a nest as NumPy arrays, which tensorboardX takes."""
    if isinstance(value, TensorBase):
        return value.detach().cpu().numpy()  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value


class SummaryWriter:
    """Writer of scalars, histograms and the like into `log_dir` (default: runs/<time>_<host><comment>).

    With tensorboardX installed (extra `tensorboard`) every method is its.  Without, scalars go to `scalars.jsonl` and
    `scalars.csv`, texts, hyperparameters and summaries of histograms to `scalars.jsonl`; the rest is left out.
    """

    def __init__(
        self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10,
        flush_secs: int = 120, filename_suffix: str = "",
    ) -> None:  # fmt: skip
        if not log_dir:
            stamp = time.strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{stamp}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(log_dir)
        self.purge_step, self.max_queue = purge_step, max_queue
        self.flush_secs, self.filename_suffix = flush_secs, filename_suffix
        self._writer: Any = event_writer(self)
        self._files: Any = None if self._writer is not None else Lines(self.log_dir, filename_suffix)

    def get_logdir(self) -> str:
        """The folder that is written to."""
        return self.log_dir

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None,
        new_style: bool = False, double_precision: bool = False,
    ) -> None:  # fmt: skip
        """One point of a curve."""
        if self._writer is not None:
            self._writer.add_scalar(tag, plain(scalar_value), global_step, walltime)
        else:
            self._files.scalar(tag, float(plain(scalar_value)), global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """One point of each of several curves in one picture."""
        if self._writer is not None:
            self._writer.add_scalars(main_tag, plain(tag_scalar_dict), global_step, walltime)
            return
        for tag, value in tag_scalar_dict.items():
            self._files.scalar(f"{main_tag}/{tag}", float(plain(value)), global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: Any = None, bins: Any = "tensorflow", walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:  # fmt: skip
        """The distribution of values; without tensorboardX their count, range, mean and standard deviation."""
        if self._writer is not None:
            self._writer.add_histogram(tag, plain(values), global_step, bins, walltime, max_bins)
            return
        a = plain(values)
        names = ("min", "max", "mean", "std")
        facts = {name: float(getattr(a.astype(float), name)()) for name in names} if a.size else {}
        self._files.line(
            {"tag": tag, "step": global_step, "kind": "histogram", "count": int(a.size), **facts}, walltime
        )

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """A text."""
        if self._writer is not None:
            self._writer.add_text(tag, text_string, global_step, walltime)
        else:
            self._files.line({"tag": tag, "step": global_step, "kind": "text", "text": text_string}, walltime)

    def add_hparams(
        self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any], hparam_domain_discrete: Any = None,
        run_name: str | None = None, global_step: Any = None,
    ) -> None:  # fmt: skip
        """Hyperparameters and what they led to."""
        if self._writer is not None:
            self._writer.add_hparams(plain(hparam_dict), plain(metric_dict), name=run_name, global_step=global_step)
            return
        metrics = {name: float(plain(value)) for name, value in metric_dict.items()}
        self._files.line({"kind": "hparams", "hparams": hparam_dict, "metrics": metrics, "step": global_step}, None)

    def __getattr__(self, name: str) -> Any:
        if name not in _NEEDS_X:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if self._writer is None:
            told_once(f"SummaryWriter.{name}() is left out: it needs tensorboardX (pip install wengert[tensorboard])")
            return lambda *args, **kwargs: None
        method = getattr(self._writer, name)
        return lambda *args, **kwargs: method(*plain(args), **plain(kwargs))

    def flush(self) -> None:
        """Bring everything to disk."""
        (self._writer or self._files).flush()

    def close(self) -> None:
        """Flush, and write nothing more."""
        (self._writer or self._files).close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def event_writer(wanted: SummaryWriter) -> Any:
    """tensorboardX's writer, None where it is not installed."""
    try:
        import tensorboardX
    except ImportError:
        told_once(
            "tensorboardX is not installed: SummaryWriter writes scalars.jsonl and scalars.csv instead of event files "
            "(pip install wengert[tensorboard] for those)"
        )
        return None
    return tensorboardX.SummaryWriter(
        wanted.log_dir, purge_step=wanted.purge_step, max_queue=wanted.max_queue, flush_secs=wanted.flush_secs,
        filename_suffix=wanted.filename_suffix,
    )  # fmt: skip


class Lines:
    """Two growing files: everything as JSON lines, scalars also as CSV."""

    def __init__(self, folder: str, suffix: str) -> None:
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "scalars" + suffix)
        self.json = open(path + ".jsonl", "a", encoding="utf-8")  # noqa: SIM115  (closed by close)
        self.csv = open(path + ".csv", "a", encoding="utf-8")  # noqa: SIM115
        if not self.csv.tell():
            self.csv.write("wall_time,tag,step,value\n")

    def line(self, facts: dict[str, Any], walltime: float | None) -> None:
        """One JSON line."""
        self.json.write(json.dumps({"wall_time": walltime or time.time(), **facts}, default=str) + "\n")

    def scalar(self, tag: str, value: float, step: Any, walltime: float | None) -> None:
        """One point."""
        when = walltime or time.time()
        self.line({"tag": tag, "step": step, "kind": "scalar", "value": value}, when)
        quoted = '"' + tag.replace('"', '""') + '"' if any(c in tag for c in ',"\n') else tag
        self.csv.write(f"{when},{quoted},{'' if step is None else step},{value!r}\n")

    def flush(self) -> None:
        """Bring both to disk."""
        self.json.flush()
        self.csv.flush()

    def close(self) -> None:
        """Close both."""
        self.json.close()
        self.csv.close()


__all__ = ["SummaryWriter"]
