// The cord between two jacks, You and Assistant: it swings with the microphone from the left and with the
// loudspeaker from the right. Beside it two meters say the same without motion.

import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Call } from "./call";

/** Levels below this many decibels of full scale show as nothing. */
const quietest = -54;

export function Cord({ call }: { call: Call }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const you = useRef<HTMLMeterElement>(null);
  const them = useRef<HTMLMeterElement>(null);
  const phase = call.phase.value;
  useEffect(() => {
    if (!canvas.current) return;
    return animate(canvas.current, call, (microphone, speaker) => {
      if (you.current) you.current.value = microphone;
      if (them.current) them.current.value = speaker;
    });
  }, [call, phase]);
  return (
    <div class="cord">
      <Meter label="You" name="Microphone level" refTo={you} side="you" />
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus, and the meters say the same */}
      <canvas ref={canvas} aria-hidden="true" />
      <Meter label="Assistant" name="Answer level" refTo={them} side="them" />
    </div>
  );
}

function Meter({ label, name, refTo, side }: { label: string; name: string; refTo: RefObject<HTMLMeterElement | null>; side: string }) {
  return (
    <div class="end" data-side={side}>
      <span class="end-name">{label}</span>
      <meter class="meter" ref={refTo} aria-label={name} min={0} max={1} value={0} />
    </div>
  );
}

/** From root mean square to what a meter shows, 0 to 1. */
function shown(rms: number): number {
  if (rms <= 0) return 0;
  return Math.max(0, Math.min(1, (20 * Math.log10(rms) - quietest) / (-6 - quietest)));
}

type Show = (microphone: number, speaker: number) => void;

/** Draws until the returned function is called; while no session runs, once. */
function animate(canvas: HTMLCanvasElement, call: Call, show: Show): () => void {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const swing = { microphone: 0, speaker: 0 };
  let frame = 0;
  const draw = (now: number) => {
    const phase = call.phase.peek();
    swing.microphone = follow(swing.microphone, shown(call.talk.sound.levels.microphone));
    swing.speaker = follow(swing.speaker, shown(call.talk.sound.levels.speaker));
    show(swing.microphone, swing.speaker);
    drawCord(canvas, phase === "live", still.matches ? { microphone: 0, speaker: 0 } : swing, now / 1000);
    if (call.running || swing.microphone + swing.speaker > 0) frame = requestAnimationFrame(draw);
  };
  frame = requestAnimationFrame(draw);
  const again = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  };
  const resized = new ResizeObserver(again);
  resized.observe(canvas);
  const theme = matchMedia("(prefers-color-scheme: dark)");
  theme.addEventListener("change", again);
  return () => {
    cancelAnimationFrame(frame);
    resized.disconnect();
    theme.removeEventListener("change", again);
  };
}

/** Rises at once, falls slowly, and to nothing in the end. */
function follow(value: number, target: number): number {
  if (target === 0 && value < 0.01) return 0;
  return target > value ? value + (target - value) * 0.5 : value + (target - value) * 0.12;
}

function drawCord(canvas: HTMLCanvasElement, plugged: boolean, swing: { microphone: number; speaker: number }, seconds: number): void {
  const scale = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const paint = canvas.getContext("2d");
  if (!paint || width === 0) return;
  const style = getComputedStyle(canvas);
  const you = style.getPropertyValue("--you");
  const them = style.getPropertyValue("--them");
  const line = style.getPropertyValue("--line-strong");
  paint.setTransform(scale, 0, 0, scale, 0, 0);
  paint.clearRect(0, 0, width, height);

  const jack = 7;
  const left = jack + 2;
  const right = width - left;
  const top = height * 0.34;
  const sag = height * 0.4;
  paint.lineCap = "round";
  paint.lineWidth = 2.5;
  paint.setLineDash(plugged ? [] : [1, 7]);
  const colours = paint.createLinearGradient(left, 0, right, 0);
  colours.addColorStop(0.1, plugged ? you : line);
  colours.addColorStop(0.9, plugged ? them : line);
  paint.strokeStyle = colours;
  paint.beginPath();
  for (let x = left + jack; x <= right - jack; x += 2) {
    const t = (x - left - jack) / (right - left - 2 * jack);
    const rest = top + 4 * sag * t * (1 - t) * (plugged ? 1 : 0.5);
    const y = rest + height * 0.3 * Math.sin(Math.PI * t) * wave(t, swing, seconds);
    if (x === left + jack) paint.moveTo(x, y);
    else paint.lineTo(x, y);
  }
  paint.stroke();
  paint.setLineDash([]);
  drawJack(paint, left, top, jack, plugged ? you : line, swing.microphone);
  drawJack(paint, right, top, jack, plugged ? them : line, swing.speaker);
}

/** Two waves that travel towards each other and fade on their way. */
function wave(t: number, swing: { microphone: number; speaker: number }, seconds: number): number {
  const fromYou = swing.microphone * Math.exp(-2.2 * t) * Math.sin(22 * t - 16 * seconds);
  const fromThem = swing.speaker * Math.exp(-2.2 * (1 - t)) * Math.sin(22 * (1 - t) - 14 * seconds);
  return fromYou + fromThem;
}

function drawJack(paint: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string, level: number): void {
  paint.strokeStyle = paint.fillStyle = colour;
  paint.lineWidth = 2.5;
  paint.beginPath();
  paint.arc(x, y, radius - 1, 0, 2 * Math.PI);
  paint.stroke();
  paint.beginPath();
  paint.arc(x, y, 1.5 + level * (radius - 4), 0, 2 * Math.PI);
  paint.fill();
}
