"use strict";
// From a picture of one digit, dark ink on white with a blank margin, to MNIST's form: 28×28, ink up to 255 on 0.
//
// The same steps, with the same rounding, as numbre_runtime/pictures (digit.py, digit_pieces.py, ground.py, mnist_form.py)
// and Pillow's resize. Frames and ruled lines, which a drawing with a blank margin has none of, are not looked for.

const SIDE = 28;
const BOX = 20;
const WIDEST_STROKE = 0.35;
const DARKEST_GROUND = 40;
const MIN_CONTRAST = 12;
const EDGE_SHARE = 0.4;
const FAINTEST = 0.4;
const AT_THE_BORDER = 0.3;
const LEAST_PART = 0.03;
const WIDEST_GAP = 0.25;
const THINNEST = 2.2;

/**
 * Brings a picture of one digit to MNIST's form.
 * @param {Uint8Array} grey - height × width grey levels, 255 white; 57 to 256 pixels on the longest side.
 * @returns {?Uint8Array} 28 × 28 pixels; null for a blank picture.
 */
function prepare(grey, width, height) {
  const ink = inkOf(grey, width, height);
  let strongest = 0;
  for (const level of ink) strongest = Math.max(strongest, level);
  if (strongest < MIN_CONTRAST) return null;
  const threshold = EDGE_SHARE * otsu(ink);
  let mask = digitParts(ink, width, height, threshold);
  const least = FAINTEST * quantile(ink.filter((_, index) => mask[index]), 0.75);
  if (least > threshold) mask = digitParts(ink, width, height, least);
  return mnistForm(cut(ink, mask, width, height));
}

/** How far each pixel stands out from its ground. */
function inkOf(grey, width, height) {
  const levels = new Float32Array(grey.length);
  for (let index = 0; index < grey.length; index++) levels[index] = 255 - grey[index];
  const size = roundHalfEven(WIDEST_STROKE * Math.max(width, height)) | 1;
  const ground = opening(levels, width, height, size);
  for (let index = 0; index < grey.length; index++) {
    const light = Math.fround(255 / Math.max(255 - ground[index], DARKEST_GROUND));
    levels[index] = Math.min(Math.max((levels[index] - ground[index]) * light, 0), 255);
  }
  return levels;
}

/** Levels without what is bright and into which a square of odd `size` does not fit. */
function opening(levels, width, height, size) {
  const negative = (values) => values.map((level) => -level);
  const eroded = negative(dilation(negative(levels), width, height, size, size));
  return dilation(eroded, width, height, size, size);
}

/** The largest level in the window of odd rows × columns around each pixel; beyond its borders a picture goes on. */
function dilation(levels, width, height, rows, columns) {
  const right = columns >> 1, down = rows >> 1;
  const wide = width + 2 * right;
  const across = new Float32Array(wide * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < wide; column++) {
      across[row * wide + column] = levels[row * width + Math.min(Math.max(column - right, 0), width - 1)];
    }
  }
  largestAhead(across, columns, 1);
  const result = new Float32Array(width * (height + 2 * down));
  for (let row = 0; row < height + 2 * down; row++) {
    const start = Math.min(Math.max(row - down, 0), height - 1) * wide;
    result.set(across.subarray(start, start + width), row * width);
  }
  largestAhead(result, rows, width);
  return result.slice(0, width * height);
}

/** Replaces each value by the largest of `size` values from it on, `step` apart. */
function largestAhead(values, size, step) {
  // Windows of 1, 2, 4, … values, each from two of the size before.
  for (let covered = 1; covered < size; ) {
    const shift = Math.min(covered, size - covered);
    const ahead = shift * step, end = values.length - ahead;
    for (let index = 0; index < end; index++) {
      if (values[index + ahead] > values[index]) values[index] = values[index + ahead];
    }
    covered += shift;
  }
}

/** The threshold that separates two groups best (Otsu, 1979). */
function otsu(ink) {
  const counts = new Float64Array(256);
  for (const level of ink) counts[Math.trunc(level)]++;
  let all = 0;
  counts.forEach((count, level) => { all += count * level; });
  let best = 0, bestBetween = -1, below = 0, total = 0;
  for (let level = 0; level < 256; level++) {
    below += counts[level];
    total += counts[level] * level;
    const above = ink.length - below;
    const between = below * above * (total / below - (all - total) / above) ** 2;
    if (Number.isFinite(between) && between > bestBetween) [best, bestBetween] = [level, between];
  }
  return best;
}

/** The value that at least `share` of the values do not exceed. */
function quantile(values, share) {
  return values.slice().sort()[roundHalfEven(share * (values.length - 1))];
}

/** Which pixels are the digit's: its largest piece, and others that are no specks and lie close to it. */
function digitParts(ink, width, height, threshold) {
  const [labels, pieces] = components(ink, width, height, threshold);
  for (const piece of pieces) {
    piece.outer = piece.left <= 0 || piece.top <= 0 || piece.right >= width || piece.bottom >= height;
  }
  const weight = (piece) => piece.mass * (piece.outer ? AT_THE_BORDER : 1);
  const main = pieces.reduce((best, piece) => (weight(piece) > weight(best) ? piece : best));
  const box = { left: main.left, top: main.top, right: main.right, bottom: main.bottom };
  main.kept = true;
  for (let grown = true; grown; ) {
    const side = Math.max(box.right - box.left, box.bottom - box.top);
    const more = pieces.filter((piece) => {
      if (piece.kept || piece.mass < LEAST_PART * main.mass || (piece.outer && !main.outer)) return false;
      const across = Math.max(piece.left - box.right, box.left - piece.right);
      const down = Math.max(piece.top - box.bottom, box.top - piece.bottom);
      return Math.max(across, down) <= WIDEST_GAP * side;
    });
    for (const piece of more) {
      piece.kept = true;
      box.left = Math.min(box.left, piece.left);
      box.top = Math.min(box.top, piece.top);
      box.right = Math.max(box.right, piece.right);
      box.bottom = Math.max(box.bottom, piece.bottom);
    }
    grown = more.length > 0;
  }
  return labels.map((label) => Number(label > 0 && pieces[label - 1].kept === true));
}

/** The pieces of ink above a threshold, and each pixel's piece, from 1 on; pixels that touch by a corner are together. */
function components(ink, width, height, threshold) {
  const labels = new Uint32Array(ink.length);
  const pieces = [];
  for (let start = 0; start < ink.length; start++) {
    if (labels[start] || !(ink[start] > threshold)) continue;
    const piece = { left: width, top: height, right: 0, bottom: 0, mass: 0 };
    pieces.push(piece);
    labels[start] = pieces.length;
    for (const pending = [start]; pending.length; ) {
      const index = pending.pop();
      const row = Math.floor(index / width), column = index % width;
      piece.left = Math.min(piece.left, column);
      piece.top = Math.min(piece.top, row);
      piece.right = Math.max(piece.right, column + 1);
      piece.bottom = Math.max(piece.bottom, row + 1);
      piece.mass += ink[index];
      for (let down = Math.max(row - 1, 0); down <= Math.min(row + 1, height - 1); down++) {
        for (let right = Math.max(column - 1, 0); right <= Math.min(column + 1, width - 1); right++) {
          const next = down * width + right;
          if (labels[next] || !(ink[next] > threshold)) continue;
          labels[next] = pieces.length;
          pending.push(next);
        }
      }
    }
  }
  return [labels, pieces];
}

/** The digit's ink 0–1, cut along its edges. */
function cut(ink, mask, width, height) {
  let left = width, top = height, right = 0, bottom = 0;
  for (let index = 0; index < mask.length; index++) {
    if (!mask[index]) continue;
    left = Math.min(left, index % width);
    right = Math.max(right, (index % width) + 1);
    top = Math.min(top, Math.floor(index / width));
    bottom = Math.max(bottom, Math.floor(index / width) + 1);
  }
  const full = quantile(ink.filter((_, index) => mask[index]), 0.75);
  const digit = { width: right - left, height: bottom - top, ink: null };
  digit.ink = new Float32Array(digit.width * digit.height);
  for (let row = 0; row < digit.height; row++) {
    for (let column = 0; column < digit.width; column++) {
      const index = (top + row) * width + left + column;
      if (mask[index]) digit.ink[row * digit.width + column] = Math.min(ink[index] / full, 1);
    }
  }
  return digit;
}

/** A digit as MNIST's makers prepared theirs: in a box of 20×20, its centre of mass at the centre of 28×28. */
function mnistForm(thin) {
  const digit = widened(thin);
  const shrink = BOX / Math.max(digit.width, digit.height);
  const width = Math.max(1, roundHalfEven(digit.width * shrink)), height = Math.max(1, roundHalfEven(digit.height * shrink));
  const bytes = new Uint8Array(digit.ink.length);
  digit.ink.forEach((level, index) => { bytes[index] = Math.fround(level * 255); });
  const small = resized(bytes, digit.width, digit.height, width, height, shrink > 1 ? TENT : SQUARE);
  const factor = 255 / Math.max(small.reduce((most, level) => Math.max(most, level), 0), 1);
  let mass = 0, rows = 0, columns = 0;
  small.forEach((level, index) => {
    mass += level * factor;
    rows += level * factor * Math.floor(index / width);
    columns += level * factor * (index % width);
  });
  mass = Math.max(mass, 1);
  const top = Math.min(Math.max(roundHalfEven(SIDE / 2 - rows / mass), 0), SIDE - height);
  const left = Math.min(Math.max(roundHalfEven(SIDE / 2 - columns / mass), 0), SIDE - width);
  const framed = new Uint8Array(SIDE * SIDE);
  small.forEach((level, index) => {
    framed[(top + Math.floor(index / width)) * SIDE + left + (index % width)] = roundHalfEven(level * factor);
  });
  return framed;
}

/** The digit with strokes that are no thinner than MNIST's; larger by what they grow. */
function widened(digit) {
  const pixel = BOX / Math.max(digit.width, digit.height);
  const radius = roundHalfEven((THINNEST / pixel - strokeWidth(digit)) / 2);
  if (radius < 1) return digit;
  const width = digit.width + 2 * radius, height = digit.height + 2 * radius;
  let ink = new Float32Array(width * height);
  for (let row = 0; row < digit.height; row++) {
    ink.set(digit.ink.subarray(row * digit.width, (row + 1) * digit.width), (row + radius) * width + radius);
  }
  // An octagon: a square and a diamond.
  const square = roundHalfEven((Math.SQRT2 - 1) * radius);
  ink = dilation(ink, width, height, 2 * square + 1, 2 * square + 1);
  for (let step = square; step < radius; step++) {
    const down = dilation(ink, width, height, 3, 1);
    const across = dilation(ink, width, height, 1, 3);
    ink = down.map((level, index) => Math.max(level, across[index]));
  }
  return { width, height, ink };
}

/** The usual width of its strokes: twice their area by their outline (Cauchy and Crofton). */
function strokeWidth(digit) {
  const inside = (row, column) =>
    row >= 0 && column >= 0 && row < digit.height && column < digit.width && digit.ink[row * digit.width + column] > 0.5;
  let area = 0, sides = 0;
  for (let row = 0; row <= digit.height; row++) {
    for (let column = 0; column <= digit.width; column++) {
      const here = inside(row, column);
      area += here;
      sides += here !== inside(row - 1, column);
      sides += here !== inside(row, column - 1);
    }
  }
  return (2 * area) / ((Math.PI / 4) * Math.max(sides, 1));
}

const SQUARE = { support: 0.5, weight: (x) => Number(x > -0.5 && x <= 0.5) };
const TENT = { support: 1, weight: (x) => Math.max(1 - Math.abs(x), 0) };
/** Bits after the point of Pillow's weights. */
const BITS = 22;

/** Pillow's resize of 8-bit pixels: across, then down, each result rounded to a byte. */
function resized(pixels, width, height, newWidth, newHeight, filter) {
  const across = newWidth === width ? pixels : new Uint8Array(newWidth * height);
  if (across !== pixels) {
    weights(width, newWidth, filter).forEach(([first, shares], column) => {
      for (let row = 0; row < height; row++) {
        across[row * newWidth + column] = weighted(pixels, row * width + first, 1, shares);
      }
    });
  }
  if (newHeight === height) return across;
  const result = new Uint8Array(newWidth * newHeight);
  weights(height, newHeight, filter).forEach(([first, shares], row) => {
    for (let column = 0; column < newWidth; column++) {
      result[row * newWidth + column] = weighted(across, first * newWidth + column, newWidth, shares);
    }
  });
  return result;
}

/** For each new pixel, the first old one that it is made of, and the shares of this and the next ones. */
function weights(size, newSize, filter) {
  const scale = size / newSize, stretch = Math.max(scale, 1), support = filter.support * stretch;
  return Array.from({ length: newSize }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const last = Math.min(Math.trunc(centre + support + 0.5), size);
    const shares = [];
    for (let old = first; old < last; old++) shares.push(filter.weight((old - centre + 0.5) * (1 / stretch)));
    const sum = shares.reduce((total, share) => total + share, 0);
    return [first, shares.map((share) => Math.trunc(0.5 + (sum ? share / sum : share) * (1 << BITS)))];
  });
}

function weighted(pixels, start, step, shares) {
  let sum = 1 << (BITS - 1);
  shares.forEach((share, index) => { sum += pixels[start + step * index] * share; });
  return Math.min(sum >> BITS, 255);
}

/** Python's round. */
function roundHalfEven(value) {
  const low = Math.floor(value), rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}
