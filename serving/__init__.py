"""The serving room: HTTP around the classifier of the edge room. It holds no model logic of its own."""
