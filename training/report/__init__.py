"""How good a classifier is: figures, calibration, pictures of them, and the command that shows them."""
