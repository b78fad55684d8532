"""The proof that a file answers as the network that it was made of, and the pictures that it is made on."""
