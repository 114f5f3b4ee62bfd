// The right-hand side: what was found, what was chosen, what went wrong.

import { Card } from "./card.js";
import { spell } from "./timing.js";

const $ = (id) => document.getElementById(id);
const cards = new Map(); // of the results shown, by id

/** The name of the language model that chooses. */
let judge = "GPT-4o";

/** How an empty catalogue is filled. */
let remedy = "Add some with vbge index, or with POST /v1/items, and search again.";

/** Says what the server can do. */
export function showInfo({ search = {}, images = {} }) {
  if (images.available === false) wordsAlone();
  $("about").textContent = search.pictures ? `${search.pictures.toLocaleString("en")} pictures` : "";
  if (search.rerank_model) judge = search.rerank_model.replace(/^gpt/, "GPT");
  for (const name of document.querySelectorAll(".judge")) name.textContent = judge;
  $("rerank").disabled = !search.rerank;
  $("outside").hidden = !search.rerank;
  $("rerank-note").hidden = search.rerank;
  $("rerank-note").textContent = search.rerank ? "" : search.rerank_reason || "This server has no language model to ask.";
  if (search.available === false) problem({ message: "This server has no pictures to search.", change: search.reason });
  if (search.pictures === 0) empty();
}

// wordsAlone is the page for a model that takes no pictures.
function wordsAlone() {
  document.querySelector("header p").textContent = "Search your pictures with words.";
  $("zone").hidden = $("file").hidden = true;
  document.querySelector("label[for=words]").textContent = "Words";
  $("hint").textContent = "What to look for";
  remedy = "This model reads words alone, so it cannot add any.";
  if ($("results").querySelector("li") === null) $("blank").textContent = "Type what to look for. What is found appears here, nearest first.";
}

/** Says that something is under way; what the page shows stays, dimmed if it is not what is asked. */
export function busy(words, { old }) {
  $("results").setAttribute("aria-busy", "true");
  $("grid").classList.toggle("old", old);
  $("status").textContent = words;
  $("problem").hidden = true;
}

/** Nothing is under way any more. */
export function idle() {
  $("results").removeAttribute("aria-busy");
  $("grid").classList.remove("old");
}

/** Shows an answer, or the page as it was at first where it is null. */
export function show(answer) {
  const results = answer?.results ?? [];
  const ids = new Set(results.map((r) => r.id));
  for (const [id, card] of cards) {
    if (ids.has(id)) continue;
    card.remove();
    cards.delete(id);
  }
  for (const result of results) {
    if (!cards.has(result.id)) cards.set(result.id, new Card(result.id));
    cards.get(result.id).show(result, answer.reranked ? answer.ranked.indexOf(result.rank) : -1);
  }
  $("grid").replaceChildren(...results.map((r) => cards.get(r.id).element));
  $("blank").hidden = answer !== null;
  $("panorama").hidden = results.length === 0;
  $("problem").hidden = $("choice").hidden = true;
  $("status").textContent = answer ? `${results.length} ${results.length === 1 ? "picture" : "pictures"} found` : "";
  $("timing").textContent = answer ? timing(answer.stages) : "";
  if (answer && results.length === 0) empty();
}

/** Turns to the results where the screen does not show their beginning. */
export function turnToResults() {
  const { top } = $("results").getBoundingClientRect();
  if (top < 0 || top > 0.4 * innerHeight) $("results").scrollIntoView();
}

function empty() {
  $("status").textContent = "No pictures found";
  $("blank").textContent = `The catalogue holds no pictures yet. ${remedy}`;
  $("blank").hidden = false;
}

function timing(stages) {
  const found = stages.filter(([name]) => name !== "rerank" && name !== "total");
  if (found.length === 0) return "";
  const total = found.reduce((sum, [, ms]) => sum + ms, 0);
  const parts = found.filter(([, ms]) => ms >= 1).map(([name, ms]) => `${name} ${Math.round(ms)}`);
  return `in ${spell(total)}${parts.length > 1 ? `: ${parts.join(", ")}` : ""}`;
}

/** Shows what the language model chose, or why it did not. */
export function showChoice({ reranked, best, explanation, reason, stages }) {
  const ms = stages.find(([name]) => name === "rerank")?.[1];
  $("choice").hidden = false;
  $("choice").classList.toggle("failed", !reranked);
  $("choice").querySelector("h2").textContent = reranked ? `${judge} chose number ${best}${ms ? ` in ${spell(ms)}` : ""}` : `${judge} did not choose`;
  $("choice").querySelector("p").textContent = reranked ? explanation : reason;
}

/** Shows a failure, with a button if it is one that may pass. */
export function problem({ message, change, after, passing }, again) {
  const [title, text, button] = $("problem").children;
  title.textContent = message;
  text.textContent = [change, after ? `Try again in ${after} s.` : ""].filter(Boolean).join(" ");
  button.hidden = !passing;
  button.onclick = again;
  $("problem").hidden = false;
  $("blank").hidden = true;
  $("status").textContent = "";
}
