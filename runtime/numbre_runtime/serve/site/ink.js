"use strict";
// Strokes of a pen, the digits that they make up, and each digit's picture.

/** The longest side of a digit in its picture, and the blank margin around it, in pixels. */
const DIGIT_PIXELS = 156;
const MARGIN_PIXELS = 48;
/** Strokes that overlap by more than this share of the narrower one, seen from above, are one digit's. */
const OVERLAP = 0.3;
/** A digit's strokes are no further apart, up and down, than this share of the taller one. */
const GAP = 0.25;

/**
 * The digits of a drawing, in reading order.
 * @param {Array<Array<{x: number, y: number}>>} strokes - each the points that a pen went through, at least one.
 * @param {number} pen - the pen's width, in the points' unit.
 * @returns {Array<Array<{strokes: Array, box: Object}>>} lines of digits.
 */
function digitsOf(strokes, pen) {
  let digits = strokes.map((stroke) => ({ strokes: [stroke], box: boxOf(stroke, pen) }));
  for (let joined = true; joined; ) {
    joined = false;
    for (let one = 0; one < digits.length && !joined; one++) {
      const other = digits.findIndex((digit, index) => index > one && belongTogether(digits[one].box, digit.box));
      if (other < 0) continue;
      digits[one].strokes.push(...digits[other].strokes);
      digits[one].box = around(digits[one].box, digits[other].box);
      digits.splice(other, 1);
      joined = true;
    }
  }
  return linesOf(digits);
}

function boxOf(stroke, pen) {
  const xs = stroke.map((point) => point.x), ys = stroke.map((point) => point.y);
  const half = pen / 2;
  return {
    left: Math.min(...xs) - half,
    top: Math.min(...ys) - half,
    right: Math.max(...xs) + half,
    bottom: Math.max(...ys) + half,
  };
}

function around(one, other) {
  return {
    left: Math.min(one.left, other.left),
    top: Math.min(one.top, other.top),
    right: Math.max(one.right, other.right),
    bottom: Math.max(one.bottom, other.bottom),
  };
}

function belongTogether(one, other) {
  const common = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const narrower = Math.min(one.right - one.left, other.right - other.left);
  const apart = Math.max(one.top, other.top) - Math.min(one.bottom, other.bottom);
  const taller = Math.max(one.bottom - one.top, other.bottom - other.top);
  return common > OVERLAP * narrower && apart < GAP * taller;
}

/** Lines from top to bottom, each with its digits from left to right. */
function linesOf(digits) {
  const lines = [];
  for (const digit of [...digits].sort((one, other) => one.box.left - other.box.left)) {
    const middle = (digit.box.top + digit.box.bottom) / 2;
    const line = lines.find(({ box }) => middle > box.top && middle < box.bottom);
    if (line) {
      line.digits.push(digit);
      line.box = around(line.box, digit.box);
    } else {
      lines.push({ digits: [digit], box: digit.box });
    }
  }
  return lines.sort((one, other) => one.box.top - other.box.top).map((line) => line.digits);
}

/**
 * A digit's picture: black ink on white, with a blank margin.
 * @returns {{grey: Uint8Array, width: number, height: number}}
 */
function pictureOf(digit, pen) {
  const { box } = digit;
  const scale = DIGIT_PIXELS / Math.max(box.right - box.left, box.bottom - box.top);
  const width = Math.ceil((box.right - box.left) * scale) + 2 * MARGIN_PIXELS;
  const height = Math.ceil((box.bottom - box.top) * scale) + 2 * MARGIN_PIXELS;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.translate(MARGIN_PIXELS - box.left * scale, MARGIN_PIXELS - box.top * scale);
  context.scale(scale, scale);
  drawStrokes(context, digit.strokes, pen, "#000");
  const colours = context.getImageData(0, 0, width, height).data;
  const grey = new Uint8Array(width * height);
  for (let index = 0; index < grey.length; index++) grey[index] = colours[4 * index];
  return { grey, width, height };
}

/** Draws strokes as smooth lines: curves from middle to middle of the points. */
function drawStrokes(context, strokes, pen, colour) {
  context.lineWidth = pen;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = context.fillStyle = colour;
  for (const stroke of strokes) {
    context.beginPath();
    if (stroke.length === 1) {
      context.arc(stroke[0].x, stroke[0].y, pen / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    context.moveTo(stroke[0].x, stroke[0].y);
    for (let index = 1; index < stroke.length - 1; index++) {
      const { x, y } = stroke[index], next = stroke[index + 1];
      context.quadraticCurveTo(x, y, (x + next.x) / 2, (y + next.y) / 2);
    }
    const last = stroke[stroke.length - 1];
    context.lineTo(last.x, last.y);
    context.stroke();
  }
}
