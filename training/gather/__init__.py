"""Gather pictures from an address that gives another one at each request, without being a burden to its server.

The downloader of the Starter Bundle, chapter 21, asks 500 times and hopes; this one waits between requests, obeys
robots.txt and Retry-After, can be cut off at any moment, and knows where each of its files came from.
"""
