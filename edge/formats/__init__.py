"""What Pillow does not say of a file: parts of TIFF that it reads wrongly, PNG's texts, and kinds that it does not know."""
