"""Watch a camera, a video, a stream or a folder, and say what it shows."""
