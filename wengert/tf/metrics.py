"""`tf.metrics`: the names of `tf.keras.metrics`."""

from wengert.tf.keras.metrics import *  # noqa: F403
