"use strict";

// Sounds: what is played, saved, drawn, and how a file becomes a clip as the model knows clips.
const ONSET_DB = -40; // as in preparation/cutting.py
const PREROLL_SECONDS = 0.001;
const WAV_HEADER = 44;

let context = null;

function playSamples(samples, rate) {
  context = context || new AudioContext();
  context.resume();
  const buffer = context.createBuffer(1, samples.length, rate);
  buffer.copyToChannel(samples, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.start();
}

const amplitude = (decibels) => 10 ** (decibels / 20);
const largest = (samples, middle = 0) => samples.reduce((most, value) => Math.max(most, Math.abs(value - middle)), 0);

/** A clip `arm.clip_samples` long of mono samples at the arm's rate: from the first sound, faded, levelled, padded. */
function cutClip(samples, arm) {
  const threshold = largest(samples, samples[0]) * amplitude(ONSET_DB);
  const onset = samples.findIndex((value) => Math.abs(value - samples[0]) > threshold);
  if (onset < 0) throw new Error("it is silent; choose another sound");
  const start = Math.max(0, onset - Math.round(PREROLL_SECONDS * arm.sample_rate));
  const cut = samples.slice(start, start + arm.clip_samples);
  if (samples.length - start > arm.clip_samples) {
    const fade = Math.min(cut.length, Math.round(arm.fade_seconds * arm.sample_rate));
    for (let i = 1; i <= fade; i++) cut[cut.length - fade + i - 1] *= 0.5 + 0.5 * Math.cos((Math.PI * i) / fade);
  }
  const peak = largest(cut);
  const gain = arm.level_db === null ? Math.min(1, 1 / peak) : amplitude(arm.level_db) / peak;
  const clip = new Float32Array(arm.clip_samples);
  clip.set(cut.map((value) => value * gain));
  return clip;
}

/** Mono samples of an audio file at `rate`. */
async function decodeFile(bytes, rate) {
  const decoded = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.slice(0));
  const mono = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel++)
    decoded.getChannelData(channel).forEach((value, i) => (mono[i] += value / decoded.numberOfChannels));
  return mono;
}

async function resampled(samples, from, to) {
  if (from === to) return samples;
  const offline = new OfflineAudioContext(1, Math.ceil((samples.length * to) / from), to);
  const source = new AudioBufferSourceNode(offline, { buffer: offline.createBuffer(1, samples.length, from) });
  source.buffer.copyToChannel(samples, 0);
  source.connect(offline.destination);
  source.start();
  return (await offline.startRendering()).getChannelData(0);
}

/** A mono WAV file of 16 bits. */
function wavFile(samples, rate) {
  const view = new DataView(new ArrayBuffer(WAV_HEADER + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, i) => view.setInt16(WAV_HEADER + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, value))), true));
  return new Blob([view], { type: "audio/wav" });
}

function drawWave(canvas, samples) {
  const pen = canvas.getContext("2d");
  const { width, height } = canvas;
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = getComputedStyle(document.body).color;
  for (let x = 0; x < width; x++) {
    const part = samples.subarray(Math.floor((x * samples.length) / width), Math.floor(((x + 1) * samples.length) / width) + 1);
    const [low, high] = part.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [0, 0]);
    pen.fillRect(x, ((1 - high) * height) / 2, 1, Math.max(1, ((high - low) * height) / 2));
  }
}
