"""Smaller variants of a network, in eight or sixteen bits, and what they must do to pass."""
