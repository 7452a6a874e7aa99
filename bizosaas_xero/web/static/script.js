// Everything works without this file; with it, addresses are copied by a click and pages of a sync stay up to date.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    button.setAttribute("role", "status");
  });
}

const region = document.querySelector("[data-progress]");
const said = document.getElementById("said");

async function refresh() {
  const answer = await fetch(region.dataset.progress, {credentials: "same-origin"});
  if (!answer.ok) return;
  const busy = region.contains(document.activeElement);
  if (!busy) region.innerHTML = await answer.text();
  schedule();
}

function schedule() {
  for (const each of region.querySelectorAll(".nojs")) each.hidden = true;
  const running = region.querySelector("[data-said]");
  const words = running ? running.dataset.said : "";
  if (said.textContent !== words) said.textContent = words;  // read out where it changes, and only then
  setTimeout(() => refresh().catch(schedule), running && running.dataset.running ? 700 : 15000);
}

if (region) schedule();
