"""Captchas of our own: four digits on white, drawn by a seed and served over HTTP.

They stand in for the E-ZPass page of the Starter Bundle, chapter 21, which is not ours to load: gathering, labelling
and reading can be learned and tested here from end to end, and nobody else's server is asked for anything.
"""
