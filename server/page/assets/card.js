// A card is one result: its picture, its number in the order found, its score and its path.

import { picture } from "./api.js";

const places = ["1st", "2nd", "3rd"];

/** Place in a ranking, counted from 0, as people say it. */
export const ordinal = (place) => places[place] ?? `${place + 1}th`;

export class Card {
  #loading = new AbortController();
  #url = "";

  constructor(id) {
    this.element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.#load(id);
  }

  /** Shows a result; place is its place in the ranking, or -1 where there is none. */
  show(result, place) {
    const name = result.image_path.split("/").at(-1);
    this.#part("img").alt = `Result ${result.rank}: ${name}`;
    this.#part(".rank").textContent = result.rank;
    this.#part(".place").textContent = place < 0 ? "" : ordinal(place);
    this.#part(".place").hidden = place < 0;
    this.#part(".score").textContent = result.score.toFixed(4);
    this.#part(".path bdi").textContent = result.image_path;
    this.#part(".path").title = result.image_path;
    this.element.style.setProperty("--score", Math.max(0, result.score));
    this.element.classList.toggle("best", place === 0);
  }

  /** Gives the picture's memory back. */
  remove() {
    this.#loading.abort();
    URL.revokeObjectURL(this.#url);
    this.element.remove();
  }

  // A picture comes by fetch, which can send the key; an <img> cannot.
  async #load(id) {
    const img = this.#part("img");
    try {
      const blob = await picture(id, { signal: this.#loading.signal });
      img.src = this.#url = URL.createObjectURL(blob);
      await img.decode();
      img.hidden = false;
    } catch (failure) {
      if (this.#loading.signal.aborted) return;
      this.#part(".missing").textContent = failure.status ? failure.message : "This picture cannot be shown.";
      this.#part(".missing").hidden = false;
    }
  }

  #part(selector) {
    return this.element.querySelector(selector);
  }
}
