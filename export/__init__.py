"""The export room: the preprocessing graph, and all that turns a Keras model into one verified .onnx file."""
