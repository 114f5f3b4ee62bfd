// The server: requests with the key, answers, and failures that people can read.

import { pause, stages } from "./timing.js";

const longestWait = 5; // seconds after which a refused request may try again by itself
const keyName = "vbge-key";

let largest = Infinity; // bytes of a body that the server takes
let key = "";
try { key = sessionStorage.getItem(keyName) ?? ""; } catch { /* storage is off: the key lasts as long as the page */ }

/** Sends the key with every request from now on. */
export function useKey(value) {
  key = value;
  try { sessionStorage.setItem(keyName, value); } catch { /* as above */ }
}

/** A request without an answer: what is wrong, what to change, and in how many seconds to come back. */
export class Failure extends Error {
  constructor(message, { change = "", status = 0, after = null } = {}) {
    super(message);
    this.change = change;
    this.status = status;
    this.after = after;
    this.passing = !(status >= 400 && status < 500) || [401, 408, 429].includes(status); // worth another try
  }
}

/** What the server can do. */
export async function info() {
  const { body } = await request("info", "json");
  largest = Number(body.limits?.find(({ flag }) => flag.endsWith("max-body-bytes"))?.value) || Infinity;
  return body;
}

/** Pictures and words to begin with: [{name, text, picture}]. */
export const examples = () => request("examples", "json").then(({ body }) => body);

/** An example's file, or a result's, as a Blob. */
export const file = (path, options) => request(path, "blob", options).then(({ body }) => body);
export const picture = (id, options) => request(`v1/items/${encodeURIComponent(id)}/image`, "blob", options).then(({ body }) => body);

/** The answer to a query, with its stages' times. */
export async function search({ picture, words, rerank = false, panorama = false }, options) {
  if (picture?.size > largest) { // before it is sent: a browser that is refused half-way does not say why
    throw new Failure("Your picture's file is larger than this server takes.",
      { change: `Choose one below ${Math.floor(largest / 1e6)} MB, or start the server with a larger --max-body-bytes.` });
  }
  const form = new FormData();
  if (picture) form.set("image", picture, picture.name);
  if (words) form.set("text", words);
  for (const [name, value] of Object.entries({ limit: 9, rerank, panorama })) form.set(name, value);
  const { body, answer } = await request("v1/search", "json", { ...options, method: "POST", body: form });
  return { ...body, stages: stages(answer.headers.get("Server-Timing")) };
}

// request reads an answer as json or blob. A server that is busy for a moment is asked once more,
// if the caller can show that it waits.
async function request(path, read, { waiting, ...init } = {}) {
  const failure = await attempt();
  if (!(failure instanceof Failure)) return failure;
  const busy = failure.status === 429 || failure.status === 503;
  if (!busy || !waiting || failure.after === null || failure.after > longestWait) throw failure;
  waiting(failure);
  await pause(1000 * failure.after, init.signal);
  return request(path, read, init);

  async function attempt() {
    try {
      const answer = await fetch(path, { ...init, headers: key ? { Authorization: `Bearer ${key}` } : {} });
      return answer.ok ? { answer, body: await answer[read]() } : await refusal(answer);
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      throw new Failure("The server does not answer.", { change: "See whether vbge serve still runs. If your picture's file has changed since, choose it again." });
    }
  }
}

async function refusal(answer) {
  const error = (await answer.json().catch(() => null))?.error ?? {};
  const seconds = Number(answer.headers.get("Retry-After") ?? NaN);
  return new Failure(error.message ?? `The server answers ${answer.status} ${answer.statusText}.`,
    { change: error.change, status: answer.status, after: Number.isFinite(seconds) ? seconds : null });
}
