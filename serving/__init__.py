"""HTTP around the classifier of the edge: a BentoML service whose routes are a FastAPI application."""
