"""TensorFlow Lite's int8 arithmetic in NumPy: the file's reader and one file for each kind of layer."""
