"""The networks of the book, each a function from an input shape and a number of classes to a Keras model."""
