"""Entropy coders: symbols → bytes → the same symbols, within a fraction of a percent of Shannon's bound.

symbols ─▶ histogram ─▶ table (integers that sum to a power of two) ─▶ rANS, four or eight lanes ─▶ bytes

Importing this package compiles nothing; numba is loaded with the first module that codes.
"""
