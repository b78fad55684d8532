"""The edge room on a Raspberry Pi 4, a Cortex-A72 that qemu emulates: `make test-arm64`.

It shows that the ARM packages give the same answers. It says nothing about the speed of a Pi.
"""
