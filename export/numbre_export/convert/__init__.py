"""A Keras model in, model files out."""
