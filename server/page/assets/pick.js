// The query's picture: chosen, dropped or pasted. Its bytes go to the server as they are.

const $ = (id) => document.getElementById(id);
let url = "";

const taken = () => !$("file").hidden; // whether the server's model takes pictures

/** Calls changed(file) for every picture that the user brings, and changed(null) where it is removed. */
export function watch(changed) {
  const bring = (file) => { show(file); changed(file); };
  $("file").addEventListener("change", () => {
    if ($("file").files.length) bring($("file").files[0]);
  });
  $("remove").addEventListener("click", () => { bring(null); $("file").focus(); });
  document.addEventListener("paste", (event) => take(event, event.clipboardData));
  document.addEventListener("drop", (event) => { light(false); take(event, event.dataTransfer); });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault(); // or the file would be opened in the page's place
    if (taken()) light(true);
    else event.dataTransfer.dropEffect = "none";
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) light(false); });

  // Text that is pasted or dropped is left to the field that it was meant for.
  function take(event, data) {
    if (!taken() || !data?.files.length) return;
    event.preventDefault();
    bring(data.files[0]);
  }
}

/** Shows a file, or the invitation where it is null. */
export function show(file) {
  URL.revokeObjectURL(url);
  url = file ? URL.createObjectURL(file) : "";
  $("file").value = ""; // so that the same file can be chosen again
  $("picked").hidden = !file;
  $("preview").hidden = true;
  $("invitation").hidden = false;
  if (!file) return;
  $("name").textContent = file.name;
  $("size").textContent = file.size < 1e6 ? `${Math.ceil(file.size / 1e3)} kB` : `${(file.size / 1e6).toFixed(1)} MB`;
  $("preview").alt = `Your picture: ${file.name}`;
  $("preview").onload = () => { $("preview").hidden = false; $("invitation").hidden = true; };
  $("preview").src = url; // decoded off the main thread; one that a browser cannot show may still be searched with
}

function light(on) {
  document.body.classList.toggle("dropping", on);
}
