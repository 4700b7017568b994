// Runs the cards of the page, one after the other, and says in <html data-state> how all of them ended.
//
// A card is one <section data-card="NAME"> of index.html and one module cards/NAME.js. The module exports
// run(element): it fills the element and resolves to whether all is well; what it throws is shown as a
// failure. A <button> of the card runs it again.

import { check } from "./check.js";

const page = document.documentElement;
const verdict = document.getElementById("verdict");
const cards = [...document.querySelectorAll("[data-card]")];
const buttons = document.querySelectorAll("[data-card] > button");

async function runCard(card) {
  const result = card.querySelector(".result");
  result.replaceChildren();
  card.dataset.state = "running";
  let well = false;
  try {
    const { run } = await import(`./cards/${card.dataset.card}.js`);
    well = await run(result);
  } catch (error) {
    check(result, false, error.message);
  }
  card.dataset.state = well ? "done" : "failed";
}

async function runCards(chosen) {
  page.dataset.state = "running";
  verdict.textContent = "Running …";
  buttons.forEach((button) => (button.disabled = true));
  for (const card of chosen) await runCard(card);
  buttons.forEach((button) => (button.disabled = false));
  const failed = cards.filter((card) => card.dataset.state === "failed").length;
  verdict.textContent = failed ? `Something is wrong in ${failed} of ${cards.length} cards.` : "Everything works.";
  page.dataset.state = failed ? "failed" : "done";
}

buttons.forEach((button) => button.addEventListener("click", () => runCards([button.parentElement])));
runCards(cards);
