"""The shortest script that does what `numbre-predict digit.png` does, by hand with NumPy, Pillow and LiteRT.

It knows all beforehand: the picture is 28×28 with bright ink, the file is trusted, the scales are looked up.
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

model, picture = sys.argv[1:]
pixels = np.asarray(Image.open(picture).convert("L"), np.float32).reshape(1, 784) / 255
interpreter = Interpreter(model_path=model, num_threads=1)
interpreter.allocate_tensors()
entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
scale, zero_point = entry["quantization"]
interpreter.set_tensor(entry["index"], np.round(pixels / scale + zero_point).astype(np.int8))
interpreter.invoke()
scale, zero_point = end["quantization"]
scores = (interpreter.get_tensor(end["index"])[0].astype(np.float32) - zero_point) * scale
print(f"{picture}: {scores.argmax()} ({scores.max():.1%})")
