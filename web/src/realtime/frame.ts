/** Longest wait where no frame is drawn, as in a tab that nobody looks at. */
const longestMs = 250;

/** Runs with the next frame, or soon where there is none. */
export function nextFrame(run: () => void): void {
  const now = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    run();
  };
  const frame = requestAnimationFrame(now);
  const timer = setTimeout(now, longestMs);
}
