"use strict";
// An int8 model computed in whole numbers, bit for bit as numbre_runtime's NumPy backend does (and TensorFlow Lite's
// reference kernels: fixed-point arithmetic as in gemmlowp's fixedpoint.h). plan.py writes what is computed here.

const INT32_MAX = 2 ** 31 - 1;
const INT32_MIN = -(2 ** 31);
/** Bits before the point of softmax's sum. */
const SUM_BITS = 12;
/** Newton's division, Q2.29: the starting line. */
const NEWTON_START = 1515870810;
const NEWTON_SLOPE = -1010580540;

/** A compiled layer: takes an Int8Array, returns one. */
const KERNELS = {
  CONV_2D: convolution,
  DEPTHWISE_CONV_2D: depthwiseConvolution,
  FULLY_CONNECTED: dense,
  MAX_POOL_2D: (layer) => pool(layer, largest),
  AVERAGE_POOL_2D: (layer) => pool(layer, mean),
  RESHAPE: () => (stored) => stored,
  SOFTMAX: softmax,
};

/**
 * Compiles a model's layers.
 * @param {Array<Object>} layers - as plan.py's layers_of writes them.
 * @returns {function(Int8Array): Int8Array} the model: one stored input in, its stored output out.
 */
function compile(layers) {
  const kernels = layers.map((layer) => KERNELS[layer.op](layer));
  return (stored) => kernels.reduce((values, kernel) => kernel(values), stored);
}

/** The numbers of a base64 text, little-endian. */
function numbers(text, Type) {
  return new Type(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

/** a · b / 2³¹ for int32 a and b, rounded to nearest, ties upward. The product is taken in two parts below 2⁵³. */
function highProduct(a, b) {
  const upper = Math.floor(a / 65536) * b;
  const lower = (a & 65535) * b + 2 ** 30;
  const whole = Math.floor(upper / 32768);
  return whole + Math.floor(((upper - whole * 32768) * 65536 + lower) / 2 ** 31);
}

const shiftedUpward = (value, bits) => Math.floor((value + Math.floor(2 ** bits / 2)) / 2 ** bits);
const shiftedAway = (value, bits) => Math.floor((value + Math.floor(2 ** bits / 2) - (value < 0 && bits > 0)) / 2 ** bits);

/** From a layer's sums to its output; ties go upward in the first `upward` channels, else away from zero. */
function requantizer({ multipliers, shifts, upward, zero, low, high }) {
  const factors = numbers(multipliers, Int32Array), bits = numbers(shifts, Int32Array);
  return (sum, channel) => {
    const shift = bits[channel];
    const product = highProduct(sum << Math.max(shift, 0), factors[channel]);
    const shifted = channel < upward ? shiftedUpward(product, Math.max(-shift, 0)) : shiftedAway(product, Math.max(-shift, 0));
    return Math.min(Math.max(shifted + zero, low), high);
  };
}

/** Calls `use` with every output row and column, and `visit` with each value of its window inside the picture. */
function overWindows({ source: [height, width], target: [rows, columns], size, stride, dilation, before }, use) {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      use(row * columns + column, (visit) => {
        for (let down = 0; down < size[0]; down++) {
          const y = row * stride[0] + down * dilation[0] - before[0];
          if (y < 0 || y >= height) continue;
          for (let across = 0; across < size[1]; across++) {
            const x = column * stride[1] + across * dilation[1] - before[1];
            if (x >= 0 && x < width) visit(y * width + x, down * size[1] + across);
          }
        }
      });
    }
  }
}

function convolution(layer) {
  const weights = numbers(layer.weights, Int8Array), bias = numbers(layer.bias, Int32Array);
  const requantized = requantizer(layer);
  const depth = layer.source[2], channels = layer.target[2], filter = layer.size[0] * layer.size[1] * depth;
  return (stored) => {
    const result = new Int8Array(layer.target[0] * layer.target[1] * channels);
    const sums = new Int32Array(channels);
    overWindows(layer, (target, visitAll) => {
      sums.set(bias);
      visitAll((pixel, tap) => {
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0;
          for (let entry = 0; entry < depth; entry++) {
            sum += (stored[pixel * depth + entry] - layer.inputZero) * weights[channel * filter + tap * depth + entry];
          }
          sums[channel] += sum;
        }
      });
      sums.forEach((sum, channel) => { result[target * channels + channel] = requantized(sum, channel); });
    });
    return result;
  };
}

function depthwiseConvolution(layer) {
  const weights = numbers(layer.weights, Int8Array), bias = numbers(layer.bias, Int32Array);
  const requantized = requantizer(layer);
  const depth = layer.source[2], channels = layer.target[2], each = channels / depth;
  return (stored) => {
    const result = new Int8Array(layer.target[0] * layer.target[1] * channels);
    const sums = new Int32Array(channels);
    overWindows(layer, (target, visitAll) => {
      sums.set(bias);
      visitAll((pixel, tap) => {
        for (let channel = 0; channel < channels; channel++) {
          const value = stored[pixel * depth + Math.floor(channel / each)] - layer.inputZero;
          sums[channel] += value * weights[tap * channels + channel];
        }
      });
      sums.forEach((sum, channel) => { result[target * channels + channel] = requantized(sum, channel); });
    });
    return result;
  };
}

function dense(layer) {
  const weights = numbers(layer.weights, Int8Array), bias = numbers(layer.bias, Int32Array);
  const requantized = requantizer(layer);
  return (stored) => {
    const result = new Int8Array(bias.length);
    bias.forEach((start, channel) => {
      let sum = start;
      for (let entry = 0; entry < layer.inputs; entry++) {
        sum += (stored[entry] - layer.inputZero) * weights[channel * layer.inputs + entry];
      }
      result[channel] = requantized(sum, channel);
    });
    return result;
  };
}

function pool(layer, pick) {
  const channels = layer.target[2];
  return (stored) => {
    const result = new Int8Array(layer.target[0] * layer.target[1] * channels);
    overWindows(layer, (target, visitAll) => {
      const pixels = [];
      visitAll((pixel) => pixels.push(pixel));
      for (let channel = 0; channel < channels; channel++) {
        const picked = pick(pixels.map((pixel) => stored[pixel * channels + channel]));
        result[target * channels + channel] = Math.min(Math.max(picked, layer.low), layer.high);
      }
    });
    return result;
  };
}

const largest = (values) => Math.max(...values);

/** Rounded to nearest, ties away from zero. */
function mean(values) {
  const sum = values.reduce((total, value) => total + value, 0);
  return Math.sign(sum) * Math.floor((Math.abs(sum) + Math.floor(values.length / 2)) / values.length);
}

function softmax(layer) {
  const exponentials = numbers(layer.exponentials, Int32Array), addends = numbers(layer.addends, Int32Array);
  return (stored) => {
    const result = new Int8Array(stored.length);
    for (let start = 0; start < stored.length; start += layer.classes) {
      const row = stored.subarray(start, start + layer.classes);
      const below = Array.from(row, (value) => Math.max(...row) - value);
      const [scale, bits] = reciprocal(below.reduce((sum, steps) => sum + addends[steps], 0));
      below.forEach((steps, index) => {
        const share = shiftedAway(highProduct(exponentials[steps], scale), bits + 31 - 8);
        result[start + index] = Math.min(share - 128, 127);
      });
    }
    return result;
  };
}

/** 1 / value as a Q0.31 number, and how many bits it has to be shifted right. */
function reciprocal(value) {
  const zeros = Math.clz32(value);
  const fraction = ((value * 2 ** zeros) % 2 ** 32) - 2 ** 31;
  const half = Math.floor((fraction + INT32_MAX + 1) / 2);
  let result = NEWTON_START + highProduct(half, NEWTON_SLOPE);
  for (let step = 0; step < 3; step++) {
    const error = 2 ** 29 - highProduct(half, result);
    result += Math.min(Math.max(highProduct(result, error) * 4, INT32_MIN), INT32_MAX);
  }
  return [Math.min(result * 2, INT32_MAX), SUM_BITS - zeros];
}
