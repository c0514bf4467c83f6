"use strict";
// The page to draw on: what is on the sheet is read while it is drawn.

const element = (id) => document.getElementById(id);
/** Milliseconds of rest after which the answer is spoken. */
const SPOKEN_AFTER = 700;

const page = {
  models: [],
  model: null,
  pad: null,
  /** The digits on the sheet, line by line, each with its image and its answer. */
  lines: [],
  /** Which of them shows its bars; the last one unless another was chosen. */
  chosen: null,
  prepared: new Map(),
  busy: false,
  again: false,
  speaking: 0,
};

async function start() {
  page.pad = new Pad(element("pad"), refresh);
  element("undo").addEventListener("click", () => page.pad.undo());
  element("clear").addEventListener("click", () => page.pad.clear());
  try {
    page.models = await loadModels();
  } catch (error) {
    element("note").textContent = `The models could not be loaded (${error.message}); load this page again.`;
    return;
  }
  if (!page.models.length) {
    element("note").textContent = "No model here reads drawings.";
    return;
  }
  const select = element("model");
  for (const { name } of page.models) select.add(new Option(name, name));
  select.parentElement.hidden = page.models.length < 2;
  select.addEventListener("change", () => useModel(page.models[select.selectedIndex]));
  useModel(page.models[0]);
}

function useModel(model) {
  page.model = model;
  element("engine").textContent = `${model.name}, ${model.artifact}, ${model.backend}`;
  element("bars").replaceChildren(...model.labels.map(barOf));
  refresh();
}

function barOf(label) {
  const row = document.createElement("li");
  for (const name of ["label", "track", "share"]) {
    const part = document.createElement("span");
    part.className = name;
    row.append(part);
  }
  row.children[0].textContent = label;
  row.children[1].ariaHidden = "true";
  row.children[1].append(document.createElement("span"));
  row.children[1].firstChild.className = "fill";
  row.children[2].textContent = "0%";
  return row;
}

/** Reads what is on the sheet; a change meanwhile is read right after. */
async function refresh() {
  const { strokes } = page.pad;
  element("hint").classList.toggle("gone", strokes.length > 0);
  element("undo").disabled = element("clear").disabled = strokes.length === 0;
  if (page.busy || !page.model) {
    page.again = page.busy;
    return;
  }
  page.busy = true;
  try {
    do {
      page.again = false;
      await new Promise(requestAnimationFrame);
      await read();
    } while (page.again);
  } catch (error) {
    element("note").textContent = `The service does not answer (${error.message}).`;
  } finally {
    page.busy = false;
  }
}

async function read() {
  const { pad, model } = page;
  const lines = digitsOf(pad.strokes, pad.pen);
  const digits = lines.flat();
  for (const digit of digits) digit.image = imageOf(digit);
  const seen = digits.filter((digit) => digit.image);
  const answers = seen.length ? await model.classify(seen.map((digit) => digit.image)) : [];
  seen.forEach((digit, index) => { digit.answer = answers[index]; });
  page.lines = lines.map((line) => line.filter((digit) => digit.answer)).filter((line) => line.length);
  show();
}

/** A digit's image in MNIST's form; what has not changed since the last time is not prepared again. */
function imageOf(digit) {
  const key = JSON.stringify([page.pad.pen, digit.strokes]);
  if (page.prepared.size > 100) page.prepared.clear();
  if (!page.prepared.has(key)) {
    const { grey, width, height } = pictureOf(digit, page.pad.pen);
    page.prepared.set(key, prepare(grey, width, height));
  }
  return page.prepared.get(key);
}

function show() {
  const digits = page.lines.flat();
  const text = page.lines.map((line) => line.map(({ answer }) => (answer.recognized ? answer.label : "?")).join("")).join("\n");
  const unknown = digits.filter(({ answer }) => !answer.recognized).length;
  const nothing = page.model.labels.every((label) => /^\d$/.test(label) || label === page.model.none_label) ? "no digit" : "none of the classes";
  const none = digits.length > 0 && unknown === digits.length;
  const output = element("answer");
  output.textContent = none ? nothing : text || "\u00a0";
  output.classList.toggle("none", none);
  fitText(output);
  element("note").textContent = noteOf(digits, unknown, nothing);
  element("tiles").replaceChildren(...digits.map(tileOf));
  const chosen = digits[page.chosen] ?? digits.at(-1);
  showBars(chosen);
  clearTimeout(page.speaking);
  page.speaking = setTimeout(() => {
    element("spoken").textContent = digits.length ? `${output.textContent}. ${element("note").textContent}` : "";
  }, SPOKEN_AFTER);
}

/** Tells the style how long the answer is. */
function fitText(output) {
  const lines = output.textContent.split("\n");
  output.style.setProperty("--longest", Math.max(...lines.map((line) => line.length)));
  output.style.setProperty("--lines", lines.length);
}

function noteOf(digits, unknown, nothing) {
  if (!digits.length) return "Waiting for ink";
  if (unknown === digits.length) return digits.length === 1 ? `Most like ${digits[0].answer.label}, ${percent(digits[0].answer.confidence)}` : "";
  const least = Math.min(...digits.filter(({ answer }) => answer.recognized).map(({ answer }) => answer.confidence));
  const rest = unknown ? `; ? is ${nothing}` : "";
  return digits.length === 1 ? `${percent(least)} sure` : `${percent(least)} sure of the least sure digit${rest}`;
}

function tileOf(digit, index) {
  const button = document.createElement("button");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const pixels = new ImageData(SIDE, SIDE);
  digit.image.forEach((level, place) => pixels.data.set([level, level, level, 255], 4 * place));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  button.type = "button";
  button.ariaPressed = String(index === (page.chosen ?? page.lines.flat().length - 1));
  button.ariaLabel = `Image ${index + 1}, 28 by 28 pixels, read as ${digit.answer.recognized ? digit.answer.label : "no digit"}`;
  button.append(canvas);
  button.addEventListener("click", () => {
    page.chosen = index;
    show();
    element("tiles").children[index].firstChild.focus();
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function showBars(digit) {
  const scores = digit ? digit.answer.scores : page.model.labels.map(() => 0);
  const best = digit ? scores.indexOf(Math.max(...scores)) : -1;
  [...element("bars").children].forEach((row, index) => {
    row.classList.toggle("best", index === best);
    row.children[1].firstChild.style.transform = `scaleX(${scores[index]})`;
    row.children[2].textContent = percent(scores[index]);
  });
}

const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1)}%`;

start();
