"""ONNX graphs: their one form, how they end, what an artifact may hold, and both parts in one."""
