"""A program of complex numbers as one of real numbers, so that every lane can walk it."""
