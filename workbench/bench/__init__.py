"""Benchmarks: measured on this machine, round trips asserted, JSON records written into data/results/."""
