// The small parts that the pages of lists are made of.

import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Tone } from "./words";

/** Ticks while the page is looked at. */
const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1_000);

/** "12 s ago", and the exact time for those who hover. */
export function Ago({ at }: { at: number | string }) {
  const time = new Date(typeof at === "number" ? at * 1000 : at);
  const seconds = Math.max(0, Math.round((now.value - time.getTime()) / 1000));
  const [n, unit] =
    seconds < 60
      ? [seconds, "s"]
      : seconds < 3_600
        ? [Math.floor(seconds / 60), "min"]
        : seconds < 86_400
          ? [Math.floor(seconds / 3_600), "h"]
          : [Math.floor(seconds / 86_400), "d"];
  return (
    <time class="ago" dateTime={time.toISOString()} title={time.toLocaleString()}>
      {seconds < 3 ? "just now" : `${n} ${unit} ago`}
    </time>
  );
}

export function Status({ text, tone }: { text: string; tone: Tone }) {
  return (
    <span class="status" data-tone={tone}>
      {text}
    </span>
  );
}

/** How much of all is done, and how much came to nothing. */
export function Bar({ label, text, total, done, failed }: { label: string; text: string; total: number; done: number; failed: number }) {
  const share = (n: number) => `${total ? (100 * n) / total : 0}%`;
  const percent = total ? Math.round((100 * (done + failed)) / total) : 0;
  return (
    <div class="progress" role="progressbar" aria-label={label} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100} aria-valuetext={text}>
      <span class="progress-done" style={{ width: share(done) }} />
      <span class="progress-failed" style={{ width: share(failed) }} />
    </div>
  );
}

/** The top of what is looked at; takes the focus when it appears, so that a screen reader tells where one is. */
export function Title({ back, children }: { back?: { href: string; name: string }; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (back) heading.current?.focus({ preventScroll: true });
  }, [back?.href]);
  return (
    <div class="title">
      {back && (
        <a class="back" href={back.href}>
          ← {back.name}
        </a>
      )}
      <h1 class="heading" tabIndex={-1} ref={heading}>
        {children}
      </h1>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="display">{title}</p>
      {children}
    </div>
  );
}

/** One function for all, so that it is called when the button appears and not at each change of the page. */
const focus = (button: HTMLButtonElement | null) => button?.focus();

/** A button for what cannot be undone: it asks once more. */
export function Confirm({ name, question, action }: { name: string; question: string; action: () => unknown }) {
  const asking = useSignal(false);
  const answered = useRef(false); // the focus goes back to where it was
  if (!asking.value) {
    return (
      <button class="button small danger" type="button" ref={answered.current ? focus : null} onClick={() => (asking.value = true)}>
        {name}
      </button>
    );
  }
  const answer = (yes: boolean) => {
    answered.current = true;
    asking.value = false;
    if (yes) action();
  };
  return (
    <fieldset class="confirm" onKeyDown={(e) => e.key === "Escape" && answer(false)}>
      <legend class="visually-hidden">{question}</legend>
      <span aria-hidden="true">{question}</span>
      <button class="button small danger" type="button" ref={focus} onClick={() => answer(true)}>
        {name}
      </button>
      <button class="button small quiet" type="button" onClick={() => answer(false)}>
        No
      </button>
    </fieldset>
  );
}

/** What a list is filtered by; each part of it is applied when it is changed. */
export function Filter({ children }: { children: ComponentChildren }) {
  return (
    <form class="form" id="filter" tabIndex={-1} aria-labelledby="filter-title" onSubmit={(e) => e.preventDefault()}>
      <h2 class="side-title" id="filter-title">
        Filter
      </h2>
      {children}
    </form>
  );
}

interface Choice<T extends string> {
  value: T;
  label: string;
}

/** One of a few, as buttons that stay pressed. */
export function Segments<T extends string>(props: { name: string; legend: string; choices: readonly Choice<T>[]; chosen: T; onChoose(value: T): void }) {
  return (
    <fieldset class="group">
      <legend class="label">{props.legend}</legend>
      <div class="segments" data-choices={props.choices.length}>
        {props.choices.map(({ value, label }) => (
          <label key={value} class="choice">
            <input type="radio" name={props.name} value={value} checked={props.chosen === value} onChange={() => props.onChoose(value)} />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="json" tabIndex={0} aria-label={label}>
      <pre>{JSON.stringify(value, null, 2)}</pre>
    </section>
  );
}
