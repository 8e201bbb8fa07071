// What is written and not sent yet. It outlives the form that it is written in: a part that is left, a session that ends.

import { type Signal, signal } from "@preact/signals";

/** Sessions whose drafts are stored; the oldest go first. */
const sessions = 100;

export class Drafts {
  /** Function calls whose result is on its way. */
  readonly sending = new Set<string>();

  private readonly all = new Map<string, Map<string, Signal<string>>>();
  private readonly bases = new Map<string, Signal<string | undefined>>();

  /** The text of one form of one session. */
  of(session: string, form: string): Signal<string> {
    let forms = this.all.get(session);
    if (!forms) this.all.set(session, (forms = new Map()));
    for (const oldest of this.all.keys()) if (this.all.size > sessions) this.forget(oldest);
    let draft = forms.get(form);
    if (!draft) forms.set(form, (draft = signal("")));
    return draft;
  }

  /** What is written in a form; a form that was never shown has nothing. */
  written(session: string, form: string): string {
    return this.all.get(session)?.get(form)?.value ?? "";
  }

  /** Forgets a form that will not be shown again. */
  drop(session: string, form: string): void {
    const draft = this.all.get(session)?.get(form);
    if (draft) draft.value = "";
    this.all.get(session)?.delete(form);
  }

  /** The instructions that a session had when one began to write others. */
  base(session: string): Signal<string | undefined> {
    let base = this.bases.get(session);
    if (!base) this.bases.set(session, (base = signal(undefined)));
    return base;
  }

  /** What was written to a session and never sent. */
  unsent(session: string): string[] {
    const texts = [...(this.all.get(session)?.values() ?? [])].map((draft) => draft.value.trim());
    return [...new Set(texts)].filter((text) => text !== "");
  }

  clear(): void {
    for (const session of [...this.all.keys(), ...this.bases.keys()]) this.forget(session);
  }

  private forget(session: string): void {
    this.all.delete(session);
    this.bases.delete(session);
  }
}
