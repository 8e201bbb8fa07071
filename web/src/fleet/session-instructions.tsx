import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Ago } from "../shared/parts";
import { changes } from "./diff";
import { type PartProps, pathOf } from "./part";
import { addressOf } from "./route";
import type { Version } from "./session-log";
import { TextForm } from "./text-form";
import type { Broadcast, Session } from "./types";

/** What the model is told to do, how that came about, and how it is changed. */
export function Instructions({ store, session, watch }: PartProps) {
  const told = session.instructions;
  const ended = session.status === "ended";
  const versions = watch.log.versions.value;
  if (!told) return <p class="help">{session.session ? "This session has no instructions: it only transcribes." : "The upstream has not reported the instructions yet."}</p>;
  return (
    <section class="part" aria-label="Instructions" data-testid="instructions">
      <h2 class="side-title">What it is told</h2>
      <p class="quote" data-testid="own">
        {told.own || "Nothing of its own."}
      </p>
      <Standing broadcasts={told.broadcasts} linked={store.operator.value === true} />
      {!ended && <Instruct store={store} session={session} watch={watch} own={told.own} />}
      <History
        versions={versions}
        {...(!ended && {
          use: (version: Version) => {
            store.drafts.of(session.session_id, "instructions").value = withoutBroadcasts(version.text, told.broadcasts);
            store.drafts.base(session.session_id).value = told.own;
            document.getElementById("instruct")?.focus();
          },
        })}
      />
    </section>
  );
}

/** Broadcasts that are in force here. */
function Standing({ broadcasts, linked }: { broadcasts: readonly Broadcast[]; linked: boolean }) {
  if (!broadcasts.length) return null;
  return (
    <ul class="standing-list" aria-label="Broadcasts in force" data-testid="standing">
      {broadcasts.map((b) => (
        <li key={b.id}>
          <p class="quote">{b.instructions}</p>
          <p class="help small">
            {b.mode === "replace" ? "A broadcast, in the place of all before it" : "A broadcast, added"} by {b.by}, <Ago at={b.created_at} />
            {linked && (
              <>
                {". "}
                <a href={addressOf("broadcasts", b.id)}>See it</a>
              </>
            )}
          </p>
        </li>
      ))}
    </ul>
  );
}

/** Changes the session's own instructions, in sight of those that it has, and never over somebody else's unseen. */
function Instruct({ store, session, own }: PartProps & { own: string }) {
  const id = session.session_id;
  const draft = store.drafts.of(id, "instructions");
  const base = store.drafts.base(id);
  const undo = useSignal<{ before: string; after: string } | undefined>(undefined);
  const written = draft.value.trim();
  const writing = written !== "";
  useEffect(() => {
    if (!writing) base.value = undefined;
    else base.value ??= own;
  }, [writing]);
  const conflict = writing && written !== own && base.value !== undefined && base.value !== own;
  const change = (instructions: string, before: string) =>
    store.attempt("The instructions were not taken", async () => {
      await store.revise<Session>(pathOf(id), (now) => now.instructions?.own === before, { instructions });
      store.said.value = "The instructions are changed";
      undo.value = { before, after: instructions };
      return true;
    });
  const send = async (text: string) => {
    if (conflict) {
      document.getElementById("conflict")?.focus();
      return false;
    }
    return change(text, own);
  };
  return (
    <TextForm
      id="instruct"
      title="Change how it answers"
      label="New instructions"
      submit="Change them"
      rows={6}
      draft={draft}
      send={send}
      help={session.instructions?.broadcasts.length ? "In the place of the session's own. Broadcasts stay." : "In the place of the session's own."}
    >
      {conflict && (
        <div class="notice stack" data-tone="warning" data-testid="conflict" id="conflict" tabIndex={-1} role="alert">
          <strong>The instructions were changed while you wrote.</strong>
          <p>What you wrote is still here. Below it is compared with what they are now.</p>
          <div class="notice-actions">
            <button class="button small" type="button" onClick={() => (base.value = own)}>
              Mine take the place of theirs
            </button>
            <button
              class="button small quiet"
              type="button"
              onClick={() => {
                draft.value = own;
                base.value = own;
              }}
            >
              Begin with theirs
            </button>
          </div>
        </div>
      )}
      <Before
        before={own}
        after={written}
        onTake={() => {
          draft.value = own;
          document.getElementById("instruct")?.focus();
        }}
      />
      {undo.value?.after === own && (
        <button class="button wide" type="button" onClick={() => void change(undo.value?.before ?? "", own)}>
          Undo the change
        </button>
      )}
    </TextForm>
  );
}

/** What a session's own instructions are, and what would change in them. */
function Before({ before, after, onTake }: { before: string; after: string; onTake(): void }) {
  if (before === "") return null;
  if (!after) {
    return (
      <button class="link small" type="button" onClick={onTake}>
        Begin with these
      </button>
    );
  }
  return (
    <div class="before">
      <p class="label">What changes</p>
      <p class="before-text" data-testid="before">
        <Diff before={before} after={after} />
      </p>
    </div>
  );
}

function Diff({ before, after }: { before: string; after: string }) {
  return changes(before, after).map(({ kind, text }, i) => {
    if (kind === "in") return <ins key={i}>{text}</ins>;
    return kind === "out" ? <del key={i}>{text}</del> : text;
  });
}

/** What it was told before, as far as the log goes back. */
function History({ versions, use }: { versions: readonly Version[]; use?: (version: Version) => void }) {
  return (
    <section class="group" aria-label="History" data-testid="history">
      <h2 class="side-title">History</h2>
      <p class="help small">As far as the log goes back, with broadcasts; the newest first.</p>
      <ol class="versions">
        {versions
          .map((v, i) => (
            <li key={`${v.at} ${i}`}>
              <VersionOf version={v} before={versions[i - 1]} use={i < versions.length - 1 ? use : undefined} />
            </li>
          ))
          .reverse()}
      </ol>
    </section>
  );
}

function VersionOf({ version, before, use }: { version: Version; before: Version | undefined; use: ((version: Version) => void) | undefined }) {
  const open = useSignal(false);
  return (
    <details class="fold" onToggle={(e) => (open.value = e.currentTarget.open)}>
      <summary>
        {author(version, before)}, <Ago at={version.at / 1000} />
      </summary>
      {open.value && (
        <>
          <p class="before-text">{before ? <Diff before={before.text} after={version.text} /> : version.text}</p>
          {use && (
            <button class="link small" type="button" onClick={() => use(version)}>
              Write with these
            </button>
          )}
        </>
      )}
    </details>
  );
}

function author({ by, broadcast }: Version, before: Version | undefined): string {
  if (!by) return before ? "Changed by a client" : "As it began";
  return broadcast ? `Changed by a broadcast of ${by}` : `Changed by ${by}`;
}

/** What is left of instructions when the broadcasts that stand are taken off their end. A broadcast is put behind a blank line. */
function withoutBroadcasts(text: string, broadcasts: readonly Broadcast[]): string {
  return [...broadcasts].reverse().reduce((left, b) => (left.endsWith(`\n\n${b.instructions}`) ? left.slice(0, -b.instructions.length - 2) : left), text);
}
