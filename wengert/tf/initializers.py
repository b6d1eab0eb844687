"""`tf.initializers`: the names of `tf.keras.initializers`."""

from wengert.tf.keras.initializers import *  # noqa: F403
