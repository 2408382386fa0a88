"use strict";
// Everything here is a convenience: without it the page reads, and native controls play its sounds.

const status = document.getElementById("status");

// One sound at a time, played by the button that shows it.
let playing = null;
const button = (audio) => audio.parentElement.querySelector(".picture");

const begin = ({ target }) => {
  if (playing && playing !== target) playing.pause();
  playing = target;
  target.parentElement.classList.add("playing");
  button(target).setAttribute("aria-pressed", "true");
  const playhead = target.parentElement.querySelector(".playhead");
  const follow = () => {
    if (target.paused) return;
    playhead.style.left = `${100 * (target.duration ? target.currentTime / target.duration : 0)}%`;
    requestAnimationFrame(follow);
  };
  follow();
};
const end = ({ target }) => {
  target.parentElement.classList.remove("playing");
  button(target).setAttribute("aria-pressed", "false");
};
// These events do not bubble, but they can be caught on their way down.
document.addEventListener("play", begin, true);
document.addEventListener("pause", end, true);
document.addEventListener("ended", end, true);

const play = (audio) => {
  audio.currentTime = 0;
  audio.play().catch((error) => {
    if (error.name === "AbortError") return; // stopped before it began
    audio.parentElement.classList.add("broken");
    status.textContent = `${audio.getAttribute("aria-label")}: ${error.message}`;
  });
};

for (const audio of document.querySelectorAll(".clip audio")) {
  audio.controls = false;
  button(audio).disabled = false;
}
const pictures = [...document.querySelectorAll(".picture")];
document.addEventListener("click", ({ target }) => {
  const audio = target.closest(".picture")?.parentElement.querySelector("audio");
  if (!audio) return;
  if (audio.paused) play(audio); else audio.pause();
});
document.addEventListener("keydown", (event) => {
  const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const at = pictures.indexOf(document.activeElement);
  if (!way || at < 0) return;
  event.preventDefault();
  for (let next = at + way; pictures[next]; next += way) {
    if (pictures[next].checkVisibility()) { pictures[next].focus(); return; }
  }
});

// Whole rows of clips, one after the other, until one is stopped by hand.
for (const all of document.querySelectorAll(".play-all")) {
  const clips = [...all.parentElement.querySelectorAll("audio")];
  let at = -1;
  const stop = () => { at = -1; all.setAttribute("aria-pressed", "false"); };
  const start = (index) => { at = index; play(clips[index]); };
  all.hidden = false;
  all.addEventListener("click", () => {
    if (at >= 0) { const now = at; stop(); clips[now].pause(); return; }
    all.setAttribute("aria-pressed", "true");
    start(0);
  });
  clips.forEach((audio, index) => {
    audio.addEventListener("ended", () => {
      if (at !== index) return;
      if (index + 1 < clips.length) start(index + 1); else stop();
    });
    audio.addEventListener("pause", () => { if (at === index && !audio.ended) stop(); });
  });
}

// A heading sorts each part of its table; numbers by value, names by letters, what is missing last.
const compare = (a, b) => {
  if (a === "" || b === "") return (a === "") - (b === "");
  return isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
};
for (const table of document.querySelectorAll(".sortable")) {
  const headings = [...table.querySelectorAll("thead th")];
  headings.forEach((heading, column) => {
    const sorter = heading.querySelector("button");
    sorter?.addEventListener("click", () => {
      const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      for (const other of headings) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      for (const body of table.tBodies) {
        const value = (row) => row.cells[column].dataset.value ?? "";
        const rows = [...body.rows].sort((a, b) => {
          const [x, y] = [value(a), value(b)];
          return x === "" || y === "" ? compare(x, y) : sign * compare(x, y);
        });
        body.append(...rows);
      }
      status.textContent = `${sorter.textContent}: ${order}`;
    });
  });
}

// Paper has nothing to click on.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
