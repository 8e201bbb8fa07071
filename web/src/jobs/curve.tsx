import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Point } from "./types";

const height = 260;

/** Training and validation loss by step. */
export function Curve({ points }: { points: readonly Point[] }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  useEffect(() => {
    const host = place.current as HTMLDivElement;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(host), dataOf(points), host);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: host.clientWidth, height }));
    resized.observe(host);
    const scheme = matchMedia("(prefers-color-scheme: dark)"); // uPlot keeps the colours that it was made with
    scheme.addEventListener("change", draw);
    return () => {
      scheme.removeEventListener("change", draw);
      resized.disconnect();
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(dataOf(points)), [points]);
  return (
    <figure class="curve" data-testid="curve" data-points={points.length}>
      <figcaption class="legend">
        <span class="legend-item" data-series="train">
          Training loss
        </span>
        <span class="legend-item" data-series="valid">
          Validation loss
        </span>
        <span class="legend-note">by step</span>
      </figcaption>
      <div class="plot" ref={place} role="img" aria-label={sayCurve(points)} />
    </figure>
  );
}

/** The curve in words, for those who do not see it. */
function sayCurve(points: readonly Point[]): string {
  const train = points.filter((p) => p.train_loss !== undefined);
  const valid = points.findLast((p) => validOf(p) !== undefined);
  const [first, last] = [train[0], train.at(-1)];
  if (!first || !last) return "Loss: nothing was measured yet";
  const head = `Training loss went from ${first.train_loss?.toFixed(2)} at step ${first.step} to ${last.train_loss?.toFixed(2)} at step ${last.step}`;
  return valid ? `${head}; validation loss is ${validOf(valid)?.toFixed(2)}` : head;
}

function validOf(p: Point): number | undefined {
  return p.valid_loss ?? p.full_valid_loss;
}

function dataOf(points: readonly Point[]): uPlot.AlignedData {
  return [points.map((p) => p.step), points.map((p) => p.train_loss ?? null), points.map((p) => validOf(p) ?? null)];
}

function options(host: HTMLElement): uPlot.Options {
  const style = getComputedStyle(host);
  const colour = (name: string) => style.getPropertyValue(name);
  const axis: uPlot.Axis = {
    stroke: colour("--ink-soft"),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: host.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false }, y: { range: (_, low, high) => [Math.max(0, low - (high - low) * 0.1), high + (high - low) * 0.1 || 1] } },
    axes: [
      { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
      { ...axis, size: 44 },
    ],
    series: [
      {},
      { label: "Training loss", stroke: colour("--you"), width: 2, points: { show: false } },
      { label: "Validation loss", stroke: colour("--them"), width: 2, spanGaps: true, points: { show: true, size: 6, fill: colour("--them") } },
    ],
  };
}
