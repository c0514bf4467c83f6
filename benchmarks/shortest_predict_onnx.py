"""The same as shortest_predict.py with onnxruntime and the float32 ONNX file."""

import sys

import numpy as np
import onnxruntime
from PIL import Image

model, picture = sys.argv[1:]
pixels = np.asarray(Image.open(picture).convert("L"), np.float32).reshape(1, 784) / 255
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
(scores,) = session.run(None, {session.get_inputs()[0].name: pixels})[0]
print(f"{picture}: {scores.argmax()} ({scores.max():.1%})")
