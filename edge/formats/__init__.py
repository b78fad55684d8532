"""What Pillow leaves to us: kinds of TIFF that it reads wrongly, and kinds that it does not know."""
