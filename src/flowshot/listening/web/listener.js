"use strict";

// What the page plays: identifiers of clips, which screens and pairs they are on, and their audio as data URIs.
const test = JSON.parse(document.getElementById("test").textContent);

// What a listener has answered so far, and the order in which they hear the test.

/* --- What is kept: on this device alone, after every answer. --- */

const STORED = `flowshot listening test ${test.test}`;

let stored = null; // { listener, step, started, ratings: {clip: score}, heard: {clip: times}, choices: {pair: clip} }
let storageWorks = true;

function restore() {
  try {
    stored = JSON.parse(localStorage.getItem(STORED));
  } catch {
    storageWorks = false;
  }
}

function keep() {
  try {
    localStorage.setItem(STORED, JSON.stringify(stored));
  } catch {
    storageWorks = false;
  }
}

function forget() {
  try {
    localStorage.removeItem(STORED);
  } catch {
    storageWorks = false;
  }
  stored = null;
}

/* --- The order of a listener: from the name alone, so that it is the same after a reload. --- */

// FNV-1a, 32 bits.
function hash(text) {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

// Marsaglia's xorshift with 32 bits, "Xorshift RNGs" (2003); a number in [0, 1).
function numbers(seed) {
  let state = seed || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 16; i++) next(); // similar names give similar first numbers
  return next;
}

function shuffled(items, random) {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

function stepsOf(listener) {
  const random = numbers(hash(`${test.test} ${listener}`));
  const screens = test.screens.map((clips, screen) => ({ kind: "rating", screen, clips: shuffled(clips, random) }));
  const pairs = test.pairs.map((clips, pair) => ({ kind: "pair", pair, clips: shuffled(clips, random) }));
  return [...shuffled(screens, random), ...shuffled(pairs, random), { kind: "end" }];
}
