"""Quantization-aware training: a network learns with the rounding that its int8 file will have.

`chain` reads a trained Keras model and folds its batch normalization. `simulated` holds layers that compute like the
int8 file and can be trained. `conversion` builds a model of them and later turns it back into a plain Keras model that
any converter takes. `finetune` does all of this for a training.
"""
