"""`tf.keras.callbacks`: classes that custom loops call themselves."""

from __future__ import annotations

from typing import Any


class Callback:
    """Base of callbacks: every hook does nothing."""

    def __init__(self) -> None:
        self.params: Any = None
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that was set."""
        return self._model

    def set_params(self, params: Any) -> None:
        """Note the parameters of the loop."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Note the model."""
        self._model = model


def hook(name: str) -> Any:
    """A hook that does nothing."""

    def method(self: Any, *args: Any, logs: Any = None) -> None:
        return None

    method.__name__, method.__doc__ = name, "Nothing; a subclass says what."
    return method


for _when in ("epoch", "batch", "train_batch", "test_batch", "predict_batch", "train", "test", "predict"):
    for _side in ("begin", "end"):
        setattr(Callback, f"on_{_when}_{_side}", hook(f"on_{_when}_{_side}"))


class History(Callback):
    """What was logged, epoch by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the logs."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)


class LambdaCallback(Callback):
    """Functions as hooks."""

    def __init__(self, **hooks: Any):
        super().__init__()
        self.__dict__.update({key: value for key, value in hooks.items() if value is not None})


class EarlyStopping(Callback):
    """Says in `model.stop_training` that a number has not got better for `patience` epochs."""

    def __init__(self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0,
                 mode: str = "auto", baseline: Any = None, restore_best_weights: bool = False,
                 start_from_epoch: int = 0):  # fmt: skip
        super().__init__()
        self.monitor, self.min_delta, self.patience = monitor, abs(min_delta), patience
        self.larger = mode == "max" or (mode == "auto" and "acc" in monitor)
        self.restore_best_weights, self.best, self.wait, self.best_weights = restore_best_weights, baseline, 0, None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the number."""
        now = (logs or {}).get(self.monitor)
        if now is None:
            return
        gain = None if self.best is None else (now - self.best if self.larger else self.best - now)
        if gain is None or gain > self.min_delta:
            self.best, self.wait = now, 0
            self.best_weights = self.model.get_weights() if self.restore_best_weights else None
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.model.stop_training = True
            if self.best_weights is not None:
                self.model.set_weights(self.best_weights)


__all__ = ["Callback", "EarlyStopping", "History", "LambdaCallback"]
