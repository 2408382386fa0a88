"use strict";

// The steps of the test. Behind listener.js, whose `test`, `stored` and `stepsOf` it uses.
const FORMAT = "flowshot listening answers 1";

/* --- Sound: one at a time. --- */

let sounding = null;

function stop() {
  if (!sounding) return;
  sounding.audio.pause();
  sounding.button.classList.remove("playing");
  sounding = null;
}

function play(clip, button) {
  const again = sounding !== null && sounding.button === button;
  stop();
  if (again) return;
  const audio = new Audio(test.clips[clip]);
  const current = (sounding = { audio, button, clip });
  button.classList.add("playing");
  audio.addEventListener("ended", () => current === sounding && stop());
  audio.play().then(
    () => heard(clip, button),
    (problem) => {
      if (problem.name !== "AbortError") say("missing", `This sound cannot be played here (${problem.name}).`);
      if (current === sounding) stop();
    },
  );
}

function heard(clip, button) {
  button.classList.add("heard");
  if (!stored) return;
  stored.heard[clip] = (stored.heard[clip] || 0) + 1;
  keep();
  showProgress();
}

/* --- Steps. --- */

let steps = [];
const main = document.getElementById("step");
const navigation = document.getElementById("navigation");

const template = (name) => document.getElementById(name).content.cloneNode(true);
const say = (id, text) => (document.getElementById(id).textContent = text);

function show() {
  stop();
  const step = stored ? steps[stored.step] : { kind: "start" };
  main.replaceChildren(template(`${step.kind}-step`));
  document.getElementById("progress").hidden = navigation.hidden = step.kind === "start";
  ({ start: showStart, rating: showRating, pair: showPair, end: showEnd })[step.kind](step);
  if (!storageWorks) {
    const notice = document.createElement("p");
    notice.className = "notice";
    notice.textContent = "This browser keeps nothing for this page: do not close it before your answers are saved.";
    main.append(notice);
  }
  showProgress();
}

function showStart() {
  const parts = [];
  if (test.screens.length) parts.push(`rate the sounds of ${test.screens.length} screens`);
  if (test.pairs.length) parts.push(`choose between the sounds of ${test.pairs.length} pairs`);
  say("task", `You will ${parts.join(", and then ")}.`);
  const button = main.querySelector("[data-play]");
  button.addEventListener("click", () => play(test.example, button));
  const name = document.getElementById("listener");
  // A link to `index.html#listener=anna` fills the name in.
  name.value = new URLSearchParams(location.hash.slice(1)).get("listener") || "";
  document.getElementById("begin").addEventListener("submit", (event) => {
    event.preventDefault();
    const code = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
    begin(name.value.trim() || `listener-${code}`);
  });
}

function begin(listener) {
  stored = { listener, step: 0, started: new Date().toISOString(), ratings: {}, heard: {}, choices: {} };
  steps = stepsOf(listener);
  keep();
  go(0);
}

function showRating(step) {
  const list = main.querySelector("ol");
  step.clips.forEach((clip, place) => {
    const row = template("stimulus");
    const button = row.querySelector("button");
    const slider = row.querySelector("input");
    const output = row.querySelector("output");
    button.querySelector(".name").textContent = `Sound ${place + 1}`;
    button.setAttribute("aria-label", `Play sound ${place + 1}`);
    button.dataset.clip = clip;
    button.classList.toggle("heard", clip in stored.heard);
    button.addEventListener("click", () => play(clip, button));
    slider.setAttribute("aria-label", `Quality of sound ${place + 1}, from 0, bad, to 100, excellent`);
    const rated = () => {
      stored.ratings[clip] = Number(slider.value);
      slider.classList.remove("unrated");
      output.textContent = slider.value;
      keep();
      showProgress();
    };
    if (clip in stored.ratings) {
      slider.value = stored.ratings[clip];
      rated();
    }
    slider.addEventListener("input", rated);
    slider.addEventListener("click", rated); // the middle is where it stands already
    list.append(row);
  });
}

function showPair(step) {
  const group = main.querySelector(".pair");
  step.clips.forEach((clip, place) => {
    const candidate = template("candidate");
    const letter = "AB"[place];
    const button = candidate.querySelector("button");
    const radio = candidate.querySelector("input");
    button.querySelector(".name").textContent = `Play ${letter}`;
    button.dataset.clip = clip;
    button.classList.toggle("heard", clip in stored.heard);
    button.addEventListener("click", () => play(clip, button));
    candidate.querySelector("label span").textContent = `I prefer ${letter}`;
    radio.value = clip;
    radio.checked = stored.choices[step.pair] === clip;
    radio.addEventListener("change", () => {
      stored.choices[step.pair] = clip;
      keep();
      showProgress();
    });
    group.append(candidate);
  });
}

function showEnd() {
  document.getElementById("save").addEventListener("click", save);
  document.getElementById("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(answersText());
      say("saved", "Copied. Paste it into a message or a file.");
    } catch {
      say("saved", "This browser does not let the page copy; save the answers as a file.");
    }
  });
  document.getElementById("again").addEventListener("click", () => {
    if (!confirm("Remove all answers from this device?")) return;
    forget();
    show();
  });
}

function missing(step) {
  const clips = step.clips || [];
  const unheard = clips.filter((clip) => !(clip in stored.heard)).length;
  if (unheard) return `${unheard} still to hear`;
  if (step.kind === "rating") {
    const unrated = clips.filter((clip) => !(clip in stored.ratings)).length;
    return unrated ? `${unrated} still to rate` : "";
  }
  return step.kind === "pair" && !(step.pair in stored.choices) ? "still to choose" : "";
}

function showProgress() {
  if (!stored) {
    say("progress-text", "");
    return;
  }
  const step = steps[stored.step];
  const progress = document.getElementById("progress");
  progress.max = steps.length - 1;
  progress.value = stored.step;
  say("progress-text", step.kind === "end" ? "all done" : `${stored.step + 1} of ${steps.length - 1}`);
  const still = missing(step);
  say("missing", still);
  document.getElementById("next").disabled = still !== "";
  document.getElementById("next").hidden = step.kind === "end";
  document.getElementById("back").disabled = stored.step === 0;
}

function go(step) {
  stored.step = step;
  keep();
  show();
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

/* --- Answers. --- */

function answers() {
  const ratings = test.screens.flatMap((clips, screen) =>
    clips.filter((clip) => clip in stored.ratings).map((clip) => ({ screen, clip, score: stored.ratings[clip] })),
  );
  const preferences = test.pairs.flatMap(([first, second], pair) =>
    pair in stored.choices ? [{ pair, first, second, chosen: stored.choices[pair] }] : [],
  );
  return {
    format: FORMAT,
    test: test.test,
    listener: stored.listener,
    started: stored.started,
    saved: new Date().toISOString(),
    finished: steps.every((step) => missing(step) === ""),
    ratings,
    preferences,
    heard: stored.heard,
  };
}

const answersText = () => `${JSON.stringify(answers(), null, 1)}\n`;

function save() {
  const link = document.createElement("a");
  const name = stored.listener.replace(/[^\p{L}\p{N}_-]+/gu, "-");
  link.href = URL.createObjectURL(new Blob([answersText()], { type: "application/json" }));
  link.download = `answers-${name}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  say("saved", `Saved as ${link.download}.`);
}

/* --- Keys and buttons. --- */

document.getElementById("back").addEventListener("click", () => go(stored.step - 1));
document.getElementById("next").addEventListener("click", () => go(stored.step + 1));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=range], [type=radio])")) return;
  const place = "ab".includes(event.key.toLowerCase()) ? "ab".indexOf(event.key.toLowerCase()) : "123456789".indexOf(event.key);
  const letters = main.querySelector(".pair") !== null;
  const button = main.querySelectorAll("[data-clip]")[place];
  if (!button || letters !== /[ab]/i.test(event.key)) return;
  event.preventDefault();
  button.click();
});
document.addEventListener("visibilitychange", () => document.hidden && stop());

restore();
if (stored) steps = stepsOf(stored.listener);
show();
