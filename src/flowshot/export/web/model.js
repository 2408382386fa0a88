"use strict";

// The models: assets of the page are gzip in base64, and onnxruntime-web runs them one call after the other.
const arms = JSON.parse(document.getElementById("arms-data").textContent);
const PIECE = 1 << 20; // characters of base64 that are decoded at once

async function asset(name) {
  const text = document.getElementById(name).textContent;
  const pieces = [];
  for (let at = 0; at < text.length; at += PIECE) {
    const letters = atob(text.slice(at, at + PIECE));
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
    pieces.push(bytes);
  }
  const whole = new Blob(pieces).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(whole).arrayBuffer());
}

function once(make) {
  const made = new Map();
  return (key) => {
    if (!made.has(key)) made.set(key, make(key));
    return made.get(key);
  };
}

const runtime = once(async () => {
  const address = URL.createObjectURL(new Blob([await asset("runtime")], { type: "text/javascript" }));
  const found = await import(address);
  found.env.wasm.numThreads = 1; // more need headers that a file does not have
  found.env.wasm.wasmBinary = (await asset("wasm")).buffer;
  return found;
});

const session = once(async (name) => (await runtime()).InferenceSession.create(await asset(name)));
const decoderNoise = once(async (name) => new Float32Array((await asset(name)).buffer));

let turn = Promise.resolve();

/** What a graph gives, a Float32Array, for inputs `{name: [values, shape]}`; a session takes one call at a time. */
function runGraph(name, inputs) {
  const run = async () => {
    const { Tensor } = await runtime();
    const graph = await session(name);
    // A posterior may not depend on its noise.
    const known = Object.entries(inputs).filter(([key]) => graph.inputNames.includes(key));
    const tensors = known.map(([key, [values, shape]]) => [key, new Tensor("float32", values, shape)]);
    const found = await graph.run(Object.fromEntries(tensors));
    return Float32Array.from(found[graph.outputNames[0]].data);
  };
  turn = turn.then(run, run);
  return turn;
}

/** `n` standard normal numbers, by Box and Muller. */
function normal(n) {
  const one = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return Float32Array.from({ length: n }, one);
}

/** A latent that the arm's prior draws. */
function drawLatent(arm) {
  const noise = [normal(arm.latent_size), [1, arm.latent_size]];
  return runGraph(arm.prior, { noise, uniform: [Float32Array.of(Math.random()), [1]] });
}

/** The clip of a latent, with the decoder's noise of flowshot: always the same. */
async function decodeLatent(arm, latent) {
  const noise = [await decoderNoise(arm.noise), arm.noise_shape];
  return runGraph(arm.decode, { latents: [latent, [1, arm.latent_size]], noise });
}

/** A draw of the posterior of a clip: its mean lies nearer to the middle than the decoder knows. */
function encodeClip(arm, clip, noise = normal(arm.latent_size)) {
  return runGraph(arm.encode, { clips: [clip, [1, arm.clip_samples]], noise: [noise, [1, arm.latent_size]] });
}

const plus = (a, b, factor = 1) => a.map((value, i) => value + factor * b[i]);

/** From `first` to `last` along a great circle about the mean of the prior; as generation/interpolation.py does. */
function between(arm, first, last, share) {
  const [a, b] = [first, last].map((latent) => plus(latent, arm.centre, -1));
  const [long, wide] = [a, b].map((vector) => Math.hypot(...vector));
  const cosine = a.reduce((sum, value, i) => sum + value * b[i], 0) / (long * wide);
  const angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
  if (!(Math.sin(angle) > 1e-4)) return first.map((value, i) => value + share * (last[i] - value));
  const size = (1 - share) * long + share * wide;
  const [near, far] = [Math.sin((1 - share) * angle), Math.sin(share * angle)].map((part) => (size * part) / Math.sin(angle));
  return arm.centre.map((value, i) => value + (near * a[i]) / long + (far * b[i]) / wide);
}
