// The two dialogs: the panorama, and the question for a key.

const $ = (id) => document.getElementById(id);
let url = "";

/** Shows a panorama, given as base64 of a JPEG. */
export function showPanorama(base64) {
  const dialog = $("panorama-dialog");
  URL.revokeObjectURL(url);
  url = URL.createObjectURL(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: "image/jpeg" }));
  dialog.querySelector("img").src = dialog.querySelector("a").href = url;
  dialog.querySelector("button").onclick = () => dialog.close();
  dialog.showModal();
}

/** Asks for a key and hands it to use; why is what the server said. */
export function askForKey(why, use) {
  const dialog = $("key-dialog");
  if (dialog.open) return;
  $("key-why").textContent = why;
  dialog.querySelector("form").onsubmit = () => use($("key").value.trim());
  dialog.querySelector("button[type=button]").onclick = () => dialog.close();
  dialog.onclose = () => { $("key").value = ""; };
  dialog.showModal();
}
