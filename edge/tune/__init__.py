r"""Tune: measure the variants of one network on this device, and remember the best for this model and processor.

files -> configurations -> a process each, in turns -> a table -> a record in the cache folder
\-> recalled by classify, batch and watch
"""
