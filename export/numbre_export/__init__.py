"""Turns a Keras model into a verified bundle of quantized TFLite and ONNX files."""
