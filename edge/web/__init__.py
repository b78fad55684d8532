"""Pages that eyespot serves on this machine."""
