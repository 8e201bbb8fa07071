// A page of sections: navigation and a form at the left, what is looked at at the right.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Header } from "./header";
import { apiKey, setApiKey } from "./key";
import { KeyForm, KeyRow } from "./key-form";
import type { PageStore, Phase } from "./page-store";
import { Empty } from "./parts";
import type { Route } from "./route";
import { Folded } from "./side";

const phaseNames: Record<Phase, string> = { idle: "Not connected", starting: "Connecting", live: "Live", reconnecting: "Retrying" };

/** A number beside a section's name. */
interface Tally {
  n: number;
  of: string;
  tone: "busy" | "bad";
}

interface ShellProps<S extends string> {
  /** Its name in the header. */
  page: string;
  store: PageStore;
  route: Route<S>;
  tallies?: Partial<Record<S, Tally>>;
  /** What is shown to whoever has not signed in. */
  locked: { why: string; title: string; lead: string };
  /** The form of the section, and what it is called where it is folded. */
  side: ComponentChildren;
  fold: string;
  children: ComponentChildren;
}

export function Shell<S extends string>({ page, store, route, tallies, locked, side, fold, children }: ShellProps<S>) {
  const phase = store.phase.value;
  const place = route.place.value;
  useEffect(() => {
    const section = route.sections.find((s) => s.id === place.section)?.name;
    document.title = [place.id, section, "Switchboard"].filter(Boolean).join(" · ");
    document.getElementById("stage")?.scrollTo(0, 0);
    scrollTo(0, 0); // where the page is one column
  }, [place]);
  return (
    <div class="page" data-phase={phase}>
      <a class="skip" href="#stage">
        Skip to the content
      </a>
      <Header page={page}>
        <span class="lamp" data-phase={phase} aria-hidden="true" />
        <span data-testid="phase">{phaseNames[phase]}</span>
      </Header>
      <Sections route={route} tallies={tallies ?? {}} />
      <aside class="side" aria-label="Form">
        {apiKey.value ? (
          <Folded fold={fold}>
            {side}
            <KeyRow />
          </Folded>
        ) : (
          <KeyForm why={locked.why} />
        )}
      </aside>
      <main class="stage" id="stage" tabIndex={-1}>
        <NoticeBar store={store} />
        <div class="content">
          {apiKey.value ? (
            children
          ) : (
            <>
              <h1 class="visually-hidden">{page}</h1>
              <Empty title={locked.title}>
                <p class="lead">{locked.lead}</p>
              </Empty>
            </>
          )}
        </div>
      </main>
      <p class="visually-hidden" role="status">
        {store.said.value}
      </p>
    </div>
  );
}

function Sections<S extends string>({ route, tallies }: { route: Route<S>; tallies: Partial<Record<S, Tally>> }) {
  return (
    <nav class="sections" aria-label="Sections">
      {route.sections.map(({ id, name }) => {
        const tally = tallies[id];
        return (
          <a key={id} class="section" href={route.addressOf(id)} {...(route.place.value.section === id && { "aria-current": "page" as const })}>
            {name}
            {tally && tally.n > 0 && (
              <span class="section-number" data-tone={tally.tone}>
                {tally.n}
                <span class="visually-hidden"> {tally.of}</span>
              </span>
            )}
          </a>
        );
      })}
    </nav>
  );
}

function NoticeBar({ store }: { store: PageStore }) {
  const notice = store.notice.value;
  const lost = store.loaded.value && store.phase.value === "reconnecting";
  return (
    <div class="notices" role="alert">
      {lost && (
        <div class="notice" data-tone="warning" data-testid="lost">
          <p>
            <strong>The connection was lost.</strong> Connecting again… What happens meanwhile is shown when it is back.
          </p>
        </div>
      )}
      {notice && (
        <div class="notice" data-tone={notice.tone} data-testid="notice">
          <p>
            <strong>{notice.title}.</strong> {notice.advice}
          </p>
          <div class="notice-actions">
            {notice.key && (
              <button class="button small" type="button" onClick={() => setApiKey("")}>
                Use another key
              </button>
            )}
            <button class="button small quiet" type="button" onClick={() => store.dismissNotice()}>
              Dismiss
            </button>
          </div>
        </div>
      )}
    </div>
  );
}
