"use strict";
// The models of the service that this page comes from, by the Open Inference Protocol with binary tensors.

/** The models that read drawings, each with a `classify` like that of the page without a service. */
async function loadModels() {
  const response = await fetch("models");
  if (!response.ok) throw new Error(`status ${response.status}`);
  const { models } = await response.json();
  return models
    .filter((model) => model.takes_drawings)
    .map((model) => ({ ...model, classify: (images) => classifyRemotely(model, images) }));
}

/**
 * Asks for the answers to images.
 * @param {Array<Uint8Array>} images - 28 × 28 pixels each.
 * @returns {Promise<Array<{label: string, confidence: number, recognized: boolean, scores: Array<number>}>>}
 */
async function classifyRemotely(model, images) {
  const bytes = images.length * SIDE * SIDE;
  const input = { name: "input", datatype: "UINT8", shape: [images.length, SIDE, SIDE], parameters: { binary_data_size: bytes } };
  const head = new TextEncoder().encode(JSON.stringify({ inputs: [input] }));
  const response = await fetch(`v2/models/${encodeURIComponent(model.name)}/infer`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": String(head.length) },
    body: new Blob([head, ...images]),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const outputs = Object.fromEntries((await response.json()).outputs.map((output) => [output.name, output.data]));
  const classes = model.labels.length;
  return images.map((_, index) => ({
    label: outputs.label[index],
    confidence: outputs.confidence[index],
    recognized: outputs.recognized[index],
    scores: outputs.scores.slice(index * classes, (index + 1) * classes),
  }));
}
