"""Pages that eyespot serves on one's own machine: who may ask, and how they look."""
