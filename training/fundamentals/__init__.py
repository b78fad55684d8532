"""What a framework does, in NumPy; chapters 8-11 of Deep Learning for Computer Vision with Python (Starter Bundle)."""
