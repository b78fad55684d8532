"""Where a network comes from: a file of Keras, a SavedModel, a plain ONNX file, and what such a file does not say."""
