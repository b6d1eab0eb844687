"""Floor 1: dtypes and promotion, shapes and strides, devices, and the arrays behind a tensor."""
