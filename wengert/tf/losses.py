"""`tf.losses`: the names of `tf.keras.losses`."""

from wengert.tf.keras.losses import *  # noqa: F403
