"""Trains the NUMBRE network: MNIST in, a Keras model and pictures out."""
