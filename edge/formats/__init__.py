"""What Pillow leaves to us: kinds of TIFF that it reads wrongly, large texts in PNG, kinds that it does not know."""
