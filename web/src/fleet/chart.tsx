// Lines over time: the newest values in words, the course as a drawing, and the values of a moment under the pointer.

import { useSignal } from "@preact/signals";
import type { Point } from "../schema";

interface ChartProps {
  name: string;
  /** What each line is, if there are several. */
  series?: readonly string[];
  /** Oldest first. */
  points: readonly Point[];
  of(p: Point): readonly number[];
  unit?: string;
}

const [width, height] = [320, 80];

export function Chart({ name, series = [], points, of, unit = "" }: ChartProps) {
  const pointed = useSignal<number | undefined>(undefined);
  const values = points.map(of);
  const most = Math.max(0, ...values.flat());
  const step = width / Math.max(1, points.length - 1);
  const y = (v: number) => (height - 1 - (v / (most || 1)) * (height - 2)).toFixed(1);
  const line = (i: number) => values.map((v, x) => `${(x * step).toFixed(1)},${y(v[i] ?? 0)}`).join(" ");
  const index = Math.min(pointed.value ?? points.length - 1, points.length - 1);
  const shown = points[index];
  const words = (values[index] ?? []).map((v, i) => `${series[i] ?? ""} ${round(v)}${unit}`.trim()).join(", ");
  const point = (e: PointerEvent) => {
    const box = (e.currentTarget as Element).getBoundingClientRect();
    pointed.value = Math.max(0, Math.round(((e.clientX - box.left) / box.width) * (points.length - 1)));
  };
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-name">{name}</span>
        <strong>{words || "nothing yet"}</strong>
        {shown && <span class="help">{pointed.value === undefined ? "now" : clock(shown.at)}</span>}
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name}: now ${words}, at most ${round(most)}${unit}`}
        onPointerMove={point}
        onPointerLeave={() => (pointed.value = undefined)}
      >
        {values[0] && <polygon points={`0,${height} ${line(0)} ${width},${height}`} />}
        {values[0]?.map((_, i) => (
          <polyline key={i} class={`line${i}`} points={line(i)} />
        ))}
        {pointed.value !== undefined && <path d={`M${(index * step).toFixed(1)} 0V${height}`} />}
      </svg>
      <p class="chart-span">
        <span>{points[0] && clock(points[0].at)}</span>
        <span>
          at most {round(most)}
          {unit}
        </span>
        <span>now</span>
      </p>
    </figure>
  );
}

function clock(at: string): string {
  const date = new Date(at);
  const day = Date.now() - date.getTime() > 20 * 3600_000 ? { weekday: "short" as const } : {};
  return date.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit" });
}

function round(n: number): string {
  return n.toLocaleString("en-GB", { maximumFractionDigits: n < 1 ? 2 : 1 });
}
