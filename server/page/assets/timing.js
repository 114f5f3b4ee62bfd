// Time: pauses that can be called off, and what Server-Timing says.

/** Resolves after ms milliseconds, or rejects as soon as the signal is aborted. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const giveUp = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal.removeEventListener("abort", giveUp); resolve(); }, ms);
    signal.addEventListener("abort", giveUp, { once: true });
  });
}

/** Stages of a Server-Timing header, as [name, milliseconds]. */
export function stages(header) {
  const metrics = (header ?? "").replace(/"[^"]*"/g, "").split(","); // descriptions may hold commas
  return metrics.map((m) => [m.split(";")[0].trim(), Number(/;\s*dur=([\d.]+)/.exec(m)?.[1] ?? NaN)]).filter(([, ms]) => ms >= 0);
}

/** Milliseconds as people say them. */
export function spell(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}
