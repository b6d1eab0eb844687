"""`tf.optimizers`: the names of `tf.keras.optimizers`."""

from wengert.tf.keras.optimizers import *  # noqa: F403
