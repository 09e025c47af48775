"""Codecs whose encoder was learned: numpy runs it from a file of weights, so a board needs no torch."""
