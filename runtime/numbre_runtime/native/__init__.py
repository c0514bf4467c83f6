"""TensorFlow Lite's int8 arithmetic in C99: the kernels (sources/), and what a model needs of them.

`steps` turns a model's layers into calls of these kernels, `arena` lays out their activations in memory. The C code
generator of the exporter writes both down as C; on boards that no engine has a wheel for, the runtime compiles the
kernels alone and calls them itself.
"""
