"use strict";

// What is on the page. Behind sound.js and model.js.
const PADS = 8;
const REACH = 1.5; // of the plane, in distances of a draw from the middle
const STEP = 0.1; // of an arrow key
// Keys by their place on the keyboard, a row for an arm.
const KEYS = [
  ["Digit1", "Digit2", "Digit3", "Digit4", "Digit5", "Digit6", "Digit7", "Digit8"],
  ["KeyQ", "KeyW", "KeyE", "KeyR", "KeyT", "KeyY", "KeyU", "KeyI"],
  ["KeyA", "KeyS", "KeyD", "KeyF", "KeyG", "KeyH", "KeyJ", "KeyK"],
];
const get = (id) => document.getElementById(id);

let last = null; // the sound that was made last: {arm, latent, clip, title}
const ends = { A: null, B: null }; // of the morph: {title, latentOf(arm)}
let plane = null; // {arm, a, b}: its axes from the middle
let place = [0, 0];

function say(text, problem = false) {
  get("status").textContent = text;
  get("status").classList.toggle("problem", problem);
}

/** Do what takes time; what goes wrong is told. */
async function attempt(what, work) {
  say(what);
  try {
    await work();
    say("Ready");
  } catch (problem) {
    say(`${what}: ${problem.message || problem}`, true);
  }
}

function sound(made) {
  last = made;
  playSamples(made.clip, made.arm.sample_rate);
  get("about").textContent = made.title;
  drawWave(get("wave"), made.clip);
  for (const button of document.querySelectorAll("#now button")) button.disabled = false;
}

async function make(arm, latent, title) {
  sound({ arm, latent, clip: await decodeLatent(arm, latent), title });
}

/* --- Pads. --- */

function addArm(arm, row) {
  const head = document.createElement("div");
  head.className = "arm-title";
  const title = document.createElement("h3");
  title.textContent = arm.name;
  const empty = document.createElement("button");
  empty.type = "button";
  empty.className = "small";
  empty.textContent = "Empty";
  empty.setAttribute("aria-label", `Empty the pads of ${arm.name}`);
  head.append(title, empty);
  const pads = document.createElement("div");
  pads.className = "row";
  for (let number = 0; number < PADS; number++) pads.append(padOf(arm, row, number));
  empty.addEventListener("click", () => {
    for (const pad of pads.children) {
      pad.made = null;
      pad.classList.remove("full");
    }
  });
  get("arms").append(head, pads);
  get("arm").add(new Option(arm.name, row));
}

function padOf(arm, row, number) {
  const pad = document.createElement("button");
  pad.type = "button";
  pad.className = "pad";
  pad.dataset.code = (KEYS[row] || [])[number] || "";
  pad.textContent = pad.dataset.code.replace(/Digit|Key/, "") || number + 1;
  pad.setAttribute("aria-label", `Pad ${number + 1} of ${arm.name}`);
  pad.addEventListener("click", () => press(pad, arm, number));
  return pad;
}

async function press(pad, arm, number) {
  if (pad.classList.contains("busy")) return;
  pad.classList.add("lit");
  setTimeout(() => pad.classList.remove("lit"), 150);
  if (pad.made && get("hold").checked) {
    sound(pad.made);
    return;
  }
  pad.classList.add("busy");
  await attempt("Drawing", async () => {
    await make(arm, await drawLatent(arm), `${arm.name}, pad ${number + 1}`);
    pad.made = last;
    pad.classList.add("full");
  });
  pad.classList.remove("busy");
}

/* --- The last sound. --- */

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(wavFile(last.clip, last.arm.sample_rate));
  link.download = `${last.title.replace(/[^\p{L}\p{N}]+/gu, "-")}.wav`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/* --- The plane and the morph. --- */

const chosenArm = () => arms[get("arm").value];

/** `work` for the newest wish alone, when the one before it is done. */
function newest(work) {
  let running = false;
  let wish = null;
  return async (...wanted) => {
    wish = wanted;
    if (running) return;
    running = true;
    while (wish) {
      const now = wish;
      wish = null;
      await work(...now);
    }
    running = false;
  };
}

async function newPlane(latents = null) {
  const arm = chosenArm();
  const [a, b] = latents || [await drawLatent(arm), await drawLatent(arm)];
  plane = { arm, a: plus(a, arm.centre, -1), b: plus(b, arm.centre, -1) };
}

const playPlane = newest((x, y) =>
  attempt("Decoding", async () => {
    if (!plane || plane.arm !== chosenArm()) await newPlane();
    const { arm, a, b } = plane;
    await make(arm, plus(plus(Float32Array.from(arm.centre), a, x), b, y), `${arm.name}, plane ${x.toFixed(2)} ${y.toFixed(2)}`);
  }),
);

function moveTo(x, y) {
  place = [x, y].map((value) => Math.max(-REACH, Math.min(REACH, value)));
  get("dot").style.left = `${50 + (50 * place[0]) / REACH}%`;
  get("dot").style.top = `${50 - (50 * place[1]) / REACH}%`;
  playPlane(...place);
}

function movePointer(event) {
  const box = get("plane").getBoundingClientRect();
  const share = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  moveTo(REACH * (2 * share[0] - 1), REACH * (1 - 2 * share[1]));
}

function take(end, title, latentOf) {
  ends[end] = { title, latentOf: once(latentOf) };
  const zone = document.querySelector(`[data-end=${end}]`);
  zone.querySelector("span").textContent = title;
  zone.classList.add("taken");
  const both = ends.A && ends.B;
  get("morph").disabled = get("plane-ab").disabled = !both;
}

function takeLast(end) {
  const { arm: its, latent, clip, title } = last;
  take(end, title, async (arm) => {
    if (arm.encode === its.encode) return latent;
    return encodeClip(arm, cutClip(await resampled(clip, its.sample_rate, arm.sample_rate), arm));
  });
}

async function takeFile(end, file) {
  await attempt(`Reading ${file.name}`, async () => {
    const bytes = await file.arrayBuffer();
    const latentOf = async (arm) => encodeClip(arm, cutClip(await decodeFile(bytes, arm.sample_rate), arm));
    const its = chosenArm();
    const latent = await latentOf(its); // an unreadable file is told now
    take(end, file.name, async (arm) => (arm.encode === its.encode ? latent : latentOf(arm)));
    await make(its, latent, `${file.name}, as ${its.name} hears it`);
  });
}

const playMorph = newest((share) =>
  attempt("Decoding", async () => {
    const arm = chosenArm();
    const [a, b] = [await ends.A.latentOf(arm), await ends.B.latentOf(arm)];
    await make(arm, Float32Array.from(between(arm, a, b, share)), `${arm.name}, morph ${share.toFixed(2)}`);
  }),
);

/* --- Pointers and keys. --- */

arms.forEach(addArm);
get("again").addEventListener("click", () => sound(last));
get("save").addEventListener("click", save);
for (const button of document.querySelectorAll("[data-take]")) button.addEventListener("click", () => takeLast(button.dataset.take));
get("new-plane").addEventListener("click", () => attempt("Drawing", newPlane).then(() => moveTo(1, 0)));
get("plane-ab").addEventListener("click", () =>
  attempt("Encoding", async () => {
    const arm = chosenArm();
    await newPlane([await ends.A.latentOf(arm), await ends.B.latentOf(arm)]);
  }).then(() => moveTo(Math.SQRT1_2, Math.SQRT1_2)),
);
get("plane").addEventListener("pointerdown", (event) => {
  get("plane").setPointerCapture(event.pointerId);
  movePointer(event);
});
get("plane").addEventListener("pointermove", (event) => event.buttons && movePointer(event));
get("plane").addEventListener("keydown", (event) => {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], Enter: [0, 0] }[event.key] || [];
  if (dx === undefined) return;
  event.preventDefault();
  moveTo(place[0] + STEP * dx, place[1] + STEP * dy);
});
get("morph").addEventListener("input", () => playMorph(Number(get("morph").value)));
for (const zone of document.querySelectorAll(".drop")) {
  const file = zone.querySelector("input");
  file.addEventListener("change", () => file.files.length && takeFile(zone.dataset.end, file.files[0]));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length) takeFile(zone.dataset.end, event.dataTransfer.files[0]);
  });
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("select")) return;
  const pad = document.querySelector(`.pad[data-code="${event.code}"]`);
  if (pad) pad.click();
  else if (event.code === "Space" && last && !event.target.matches("button, input")) sound(last);
  else return;
  event.preventDefault();
});
const first = arms[0];
get("footer").textContent =
  `Clips of ${first.clip_samples / first.sample_rate} s at ${first.sample_rate} Hz. All runs on this device; nothing is sent. ` +
  "Inference: ONNX Runtime Web, Microsoft, MIT licence.";
attempt("Loading", runtime);
