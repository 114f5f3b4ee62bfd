// What the user does, and the one search that it leads to.

import * as api from "./api.js";
import { askForKey, showPanorama } from "./dialogs.js";
import * as pick from "./pick.js";
import { pause } from "./timing.js";
import * as view from "./view.js";

const typing = 200; // milliseconds without a key before words are searched for,
const thinking = 800; // and those after which a language model is asked, which takes long and costs money

const $ = (id) => document.getElementById(id);
let picture = null;
let running = new AbortController(); // the newest search; all older ones are aborted

/**
 * Searches for what the page asks, once nothing has changed for delay milliseconds. Where the user
 * has finished asking, a small screen turns to what is found.
 */
async function search({ delay = 0, finished = false } = {}) {
  const { signal } = running = succeed(running);
  const query = { picture, words: $("words").value.trim() };
  const rerank = $("rerank").checked;
  const options = { signal, waiting: ({ message, after }) => view.busy(`${message} Trying again in ${after} s …`, { old: true }) };
  try {
    await pause(delay, signal);
    if (!query.picture && !query.words) return view.show(null);
    view.busy("Searching …", { old: true });
    const found = await api.search(query, options);
    view.show(found);
    if (finished) view.turnToResults();
    if (!rerank || found.results.length === 0) return;
    view.busy(`${found.results.length} pictures found, and being looked at …`, { old: false });
    await pause(delay ? thinking : 0, signal);
    const chosen = await choose(query, found, options);
    view.show({ ...chosen, stages: found.stages });
    view.showChoice(chosen);
  } catch (failure) {
    if (signal.aborted) return;
    view.show(null);
    report(failure, search);
  } finally {
    if (!signal.aborted) view.idle();
  }
}

// choose lets the language model look. Whatever goes wrong with that, what was found stays.
async function choose(query, found, options) {
  try {
    return await api.search({ ...query, rerank: true }, options);
  } catch (failure) {
    if (!(failure instanceof api.Failure)) throw failure;
    return { ...found, reason: `${failure.message} ${failure.change}` };
  }
}

/** Fetches the panorama of what is shown. */
async function panorama() {
  const { signal } = running;
  const said = $("status").textContent;
  try {
    view.busy("Drawing the panorama …", { old: false });
    const answer = await api.search({ picture, words: $("words").value.trim(), panorama: true }, { signal });
    showPanorama(answer.panorama);
    view.busy(said, { old: false });
  } catch (failure) {
    if (!signal.aborted) report(failure, panorama);
  } finally {
    if (!signal.aborted) view.idle();
  }
}

function succeed(older) {
  older.abort();
  return new AbortController();
}

function report(failure, again) {
  if (!(failure instanceof api.Failure)) throw failure;
  view.problem(failure, () => again());
  if (failure.status === 401) askForKey(failure.message, (key) => { api.useKey(key); begin(); search(); });
}

/** Asks what the server can do. */
async function begin() {
  try {
    view.showInfo(await api.info());
  } catch (failure) {
    report(failure, begin);
  }
}

async function offerExamples() {
  for (const example of await api.examples().catch(() => [])) {
    const item = $("example").content.firstElementChild.cloneNode(true);
    const button = item.firstElementChild;
    const [img, label] = button.children;
    img.hidden = !example.picture;
    if (example.picture) img.src = example.picture;
    label.textContent = example.text || example.name;
    button.addEventListener("click", () => take(example));
    $("examples").querySelector("ul").append(item);
    $("examples").hidden = false;
  }
}

/** Asks what an example asks. */
async function take({ name, text, picture: path }) {
  const { signal } = running = succeed(running);
  try {
    picture = path ? new File([await api.file(path, { signal })], name) : null;
    pick.show(picture);
    $("words").value = text;
    search({ finished: true });
  } catch (failure) {
    if (!signal.aborted) report(failure, () => take({ name, text, picture: path }));
  }
}

pick.watch((file) => { picture = file; search({ finished: file !== null }); });
$("words").addEventListener("input", () => search({ delay: typing }));
$("rerank").addEventListener("change", () => search());
$("panorama").addEventListener("click", panorama);
$("query").addEventListener("submit", (event) => { event.preventDefault(); search({ finished: true }); });
begin();
offerExamples();
