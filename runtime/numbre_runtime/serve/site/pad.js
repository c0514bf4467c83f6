"use strict";
// A sheet to draw on with finger, pen, mouse or keyboard.

/** The pen's width as a share of the sheet's shorter side, and its least width in CSS pixels. */
const PEN_SHARE = 0.045;
const LEAST_PEN = 9;
/** How far an arrow key moves the pen, as a share of the sheet's shorter side. */
const KEY_STEP = 0.04;

class Pad {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {function(): void} changed - called whenever the strokes are others than before.
   */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    /** Strokes, each a list of points in CSS pixels. */
    this.strokes = [];
    this.pen = LEAST_PEN;
    this.cursor = null;
    this.stroke = null;
    this.pointer = null;
    new ResizeObserver(() => this.fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, (event) => this.up(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.leave());
    this.fit();
  }

  undo() {
    this.stroke = null;
    this.strokes.pop();
    this.update();
  }

  clear() {
    this.stroke = null;
    this.strokes.length = 0;
    this.update();
  }

  update() {
    this.paint();
    this.changed();
  }

  /** Follows the sheet's size; what is drawn is scaled along. */
  fit() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const pen = Math.max(LEAST_PEN, PEN_SHARE * Math.min(width, height));
    const factor = pen / this.pen;
    for (const point of this.strokes.flat()) {
      point.x *= factor;
      point.y *= factor;
    }
    this.pen = pen;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.paint();
  }

  paint() {
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    drawStrokes(context, this.strokes, this.pen, style.getPropertyValue("--ink"));
    if (!this.cursor) return;
    context.beginPath();
    context.arc(this.cursor.x, this.cursor.y, this.pen, 0, 2 * Math.PI);
    context.strokeStyle = style.getPropertyValue("--accent");
    context.lineWidth = this.stroke ? 4 : 2;
    context.stroke();
  }

  down(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.cursor = null;
    this.begin(this.point(event));
  }

  move(event) {
    if (event.pointerId !== this.pointer || !this.stroke) return;
    // Browsers join movements of one frame into one event.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const part of events.length ? events : [event]) this.extend(this.point(part));
    this.update();
  }

  up(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.stroke = null;
    this.changed();
  }

  begin(point) {
    this.stroke = [point];
    this.strokes.push(this.stroke);
    this.update();
  }

  extend(point) {
    const last = this.stroke[this.stroke.length - 1];
    if (Math.hypot(point.x - last.x, point.y - last.y) >= 1) this.stroke.push(point);
  }

  point(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in moves) this.step(...moves[event.key]);
    else if (event.key === " ") this.toggle();
    else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) this.undo();
    else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault();
  }

  step(across, down) {
    const { width, height } = this.canvas.getBoundingClientRect();
    const step = KEY_STEP * Math.min(width, height);
    this.cursor ??= { x: width / 2, y: height / 3 };
    this.cursor = {
      x: Math.min(Math.max(this.cursor.x + across * step, this.pen), width - this.pen),
      y: Math.min(Math.max(this.cursor.y + down * step, this.pen), height - this.pen),
    };
    if (this.stroke) {
      this.extend(this.cursor);
      this.changed();
    }
    this.paint();
  }

  toggle() {
    if (this.stroke) {
      this.stroke = null;
      this.update();
      return;
    }
    if (!this.cursor) this.step(0, 0);
    this.begin({ ...this.cursor });
  }

  leave() {
    this.cursor = this.stroke = null;
    this.paint();
  }
}
