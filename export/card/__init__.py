"""The model card: one HTML page that says all that is known of an artifact, and shows what it does to a picture."""
