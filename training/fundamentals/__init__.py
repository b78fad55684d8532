"""The algorithms under every network, from scratch in NumPy: losses, descent, backpropagation, convolution."""
