"""The reliability suite, `make soak`: what a service and a night's run must live through, with every case counted."""
