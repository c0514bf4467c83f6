"""Keeps the pictures that a model is not sure of, so that somebody can label them."""
