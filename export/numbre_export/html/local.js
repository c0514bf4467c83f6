"use strict";
// The one model that this file carries, and its answers without any service.

/** As on the page that a service gives: the models that read drawings. */
async function loadModels() {
  const bundle = JSON.parse(document.getElementById("bundle").textContent);
  const run = compile(bundle.layers);
  const pixels = numbers(bundle.stored, Int8Array);
  const classify = async (images) =>
    images.map((image) => answerOf(bundle, run(Int8Array.from(image, (level) => pixels[level]))));
  return [{ ...bundle, backend: "computed in this page", classify }];
}

/** From a stored output to the answer, as `Classifier.predict` gives it. */
function answerOf(bundle, output) {
  const real = Array.from(output, (value) => Math.fround((value - bundle.zero) * Math.fround(bundle.scale)));
  const scores = bundle.softmax ? shares(real) : real;
  const none = bundle.labels.indexOf(bundle.none_label);
  const best = scores.reduce((top, score, index) => (index !== none && (top < 0 || score > scores[top]) ? index : top), -1);
  return { label: bundle.labels[best], confidence: scores[best], recognized: scores[best] >= bundle.threshold, scores };
}

function shares(logits) {
  const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
