"use strict";
// The page for the camera: frames or a photo go to the service, boxes and answers are drawn over them.

const element = (id) => document.getElementById(id);
/** The longest side, in pixels, of what is sent; numbers on a page still have 12 pixels. */
const LONGEST = { camera: 1280, photo: 2400 };
const JPEG_QUALITY = 0.85;
/** Frames over which the rate is taken. */
const RATE_FRAMES = 10;
/** Milliseconds for which a frame that was refused for want of room is waited with. */
const BUSY_PAUSE = 1000;

const state = { stream: null, readsPages: true, times: [] };

async function start() {
  element("toggle").addEventListener("click", () => (state.stream ? stop() : watch()));
  element("file").addEventListener("change", (event) => readPhoto(event.target.files[0]));
  const reason = refusal();
  if (reason) {
    tell(reason);
    element("toggle").disabled = true;
  }
  const response = await fetch("models").catch(() => null);
  if (!response?.ok) {
    tell("The service does not answer; load this page again.");
    return;
  }
  const facts = await response.json();
  state.readsPages = facts.reads_pages;
  element("engine").textContent = `${facts.models[0].name}, ${facts.models[0].backend}`;
  if (!state.readsPages) element("note").textContent = "OpenCV is not installed on the service: one digit at a time";
}

/** Why this browser gives no camera; empty where it may. */
function refusal() {
  if (!window.isSecureContext) {
    return "Browsers give the camera to secure pages only. Open this page as http://localhost on the machine that serves it, or through HTTPS. A photo works here too.";
  }
  if (!navigator.mediaDevices?.getUserMedia) return "This browser has no access to cameras. Choose a photo instead.";
  return "";
}

async function watch() {
  tell("Waiting for the camera…");
  try {
    state.stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: { ideal: "environment" }, width: { ideal: LONGEST.camera } },
    });
  } catch (error) {
    const reasons = {
      NotAllowedError: "The camera was not allowed. Allow it in the browser's address bar, then start again; or choose a photo.",
      NotFoundError: "No camera was found. Choose a photo instead.",
      NotReadableError: "Another program holds the camera. Close it, then start again.",
    };
    tell(reasons[error.name] ?? `The camera does not start (${error.name}). Choose a photo instead.`);
    return;
  }
  const video = element("video");
  video.srcObject = state.stream;
  await video.play();
  tell("");
  element("toggle").textContent = "Stop the camera";
  state.times = [];
  while (state.stream) {
    const started = performance.now();
    if (!(await readFrame(video, video.videoWidth, video.videoHeight, LONGEST.camera))) break;
    state.times = [...state.times, started].slice(-RATE_FRAMES);
    showRate(performance.now() - started);
  }
}

function stop() {
  state.stream?.getTracks().forEach((track) => track.stop());
  state.stream = null;
  element("toggle").textContent = "Start the camera";
}

async function readPhoto(file) {
  if (!file) return;
  stop();
  let photo;
  try {
    photo = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    tell("This file is no picture that the browser can open.");
    return;
  }
  tell("");
  const started = performance.now();
  if (await readFrame(photo, photo.width, photo.height, LONGEST.photo)) {
    element("took").textContent = `${Math.round(performance.now() - started)} ms`;
    element("rate").textContent = "–";
  }
}

/** Reads one picture and draws it with its answers; whether to go on. */
async function readFrame(source, width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const frame = document.createElement("canvas");
  frame.width = Math.max(1, Math.round(width * scale));
  frame.height = Math.max(1, Math.round(height * scale));
  frame.getContext("2d").drawImage(source, 0, 0, frame.width, frame.height);
  const body = await new Promise((resolve) => frame.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
  let response;
  try {
    response = await fetch(state.readsPages ? "read" : "predict", { method: "POST", headers: { "Content-Type": "image/jpeg" }, body });
  } catch {
    tell("The service does not answer any more.");
    stop();
    return false;
  }
  if (response.status === 503) {
    await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE));
    return true;
  }
  const answer = await response.json();
  if (!response.ok) {
    tell(answer.error);
    stop();
    return false;
  }
  draw(frame, state.readsPages ? numbersOf(answer) : digitOf(answer));
  return true;
}

const numbersOf = (page) => page.lines.map((line) => line.map(({ text, confidence, box }) => ({ text, confidence, box })));
const digitOf = (answer) => (answer.recognized ? [[{ text: answer.label, confidence: answer.confidence, box: answer.found.box }]] : []);

function draw(frame, lines) {
  const canvas = element("picture");
  canvas.width = frame.width;
  canvas.height = frame.height;
  const context = canvas.getContext("2d");
  context.drawImage(frame, 0, 0);
  const unit = Math.max(frame.width, frame.height) / 100;
  for (const { text, box: [left, top, right, bottom] } of lines.flat()) {
    const size = Math.min(Math.max(0.5 * (bottom - top), 2.2 * unit), 5 * unit);
    context.lineWidth = Math.max(2, 0.3 * unit);
    context.strokeStyle = context.fillStyle = "#ff7a33";
    context.strokeRect(left - unit / 2, top - unit / 2, right - left + unit, bottom - top + unit);
    context.font = `700 ${size}px system-ui, sans-serif`;
    const width = context.measureText(text).width + 0.6 * size;
    const above = top - unit / 2 - 1.25 * size;
    context.fillRect(left - unit / 2, Math.max(above, 0), width, 1.25 * size);
    context.fillStyle = "#1a0d05";
    context.textBaseline = "middle";
    context.fillText(text, left - unit / 2 + 0.3 * size, Math.max(above, 0) + 0.66 * size);
  }
  const text = lines.map((line) => line.map((number) => number.text).join(" ")).join("\n");
  const answer = element("answer");
  if (answer.textContent !== text) element("spoken").textContent = text || "no digits";
  answer.textContent = text || "no digits";
  answer.classList.toggle("none", !text);
  const rows = answer.textContent.split("\n");
  answer.style.setProperty("--longest", Math.max(...rows.map((row) => row.length)));
  answer.style.setProperty("--lines", rows.length);
  const shares = lines.flat().map((number) => number.confidence);
  element("note").textContent = shares.length ? `${shares.length === 1 ? "One number" : `${shares.length} numbers`}, ${(100 * Math.min(...shares)).toFixed(1)}% sure of the least sure digit` : "";
}

function showRate(took) {
  element("took").textContent = `${Math.round(took)} ms`;
  const { times } = state;
  if (times.length > 1) element("rate").textContent = ((1000 * (times.length - 1)) / (times.at(-1) - times[0])).toFixed(1);
}

function tell(text) {
  element("message").textContent = text;
  element("message").hidden = !text;
}

start();
