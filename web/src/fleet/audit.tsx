// Who changed what: the audit log, newest first.

import { useSignal } from "@preact/signals";
import type { AuditList, Entry } from "../schema";
import { ask } from "../shared/api";
import { apiKey } from "../shared/key";
import { Ago, Empty, Filter, Segments, Status, Title } from "../shared/parts";
import { saveFile } from "../shared/save-file";
import { Pager, Pages } from "./pages";
import { addressOf, filter, queryOf } from "./route";
import { type Store, usePolled } from "./store";
import { Typed } from "./typed";

const pages = new Pages("audit");
const pageEntries = 100;

/** What may be written into the filter, by the parameter of the API. */
const fields = [
  { name: "by", label: "By", placeholder: "Name of an API key" },
  { name: "action", label: "Action", placeholder: "create-session, or create-*" },
  { name: "session_id", label: "Session", placeholder: "ID of a session" },
] as const;

/** The filter as the API reads it. */
function chosen(): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of [...fields.map((f) => f.name), "failed"]) {
    const value = queryOf("audit").get(name);
    if (value) query.set(name, value);
  }
  return query;
}

export function AuditFilter({ store }: { store: Store }) {
  return (
    <Filter>
      <Segments
        name="failed"
        legend="Answer"
        chosen={queryOf("audit").get("failed") ?? ""}
        onChoose={(failed) => filter("audit", { failed, after: undefined })}
        choices={[
          { value: "", label: "All" },
          { value: "false", label: "Done" },
          { value: "true", label: "Refused" },
        ]}
      />
      {fields.map((f) => (
        <Typed key={f.name} section="audit" {...f} onEnter />
      ))}
      <Export store={store} />
    </Filter>
  );
}

/** All entries that the filter finds, as a file. */
function Export({ store }: { store: Store }) {
  const busy = useSignal(false);
  const save = async () => {
    busy.value = true;
    await store.attempt("The audit log could not be exported", async () => {
      const headers = { Accept: "application/x-ndjson" };
      const response = await ask({ method: "GET", path: `/audit?${chosen()}`, key: apiKey.peek(), headers, patient: true });
      saveFile("audit.ndjson", await response.blob());
    });
    busy.value = false;
  };
  return (
    <button class="button small" type="button" aria-disabled={busy.value} onClick={() => busy.value || save()}>
      {busy.value ? "Exporting…" : "Export as NDJSON"}
    </button>
  );
}

export function Audit({ store }: { store: Store }) {
  const { answer } = usePolled<AuditList>(store, "The audit log could not be read", () => {
    const query = chosen();
    query.set("limit", String(pageEntries));
    if (pages.cursor) query.set("before", pages.cursor);
    return `/audit?${query}`;
  });
  const list = answer.value;
  return (
    <>
      <Title>Audit log</Title>
      {list?.entries.length === 0 && (
        <Empty title="Nothing here.">
          <p>{chosen().size ? "No entry fits the filter." : "Nobody has changed anything yet."}</p>
        </Empty>
      )}
      {list && list.entries.length > 0 && (
        <ol class="rows" data-testid="audit">
          {list.entries.map((e) => (
            <Row key={e.id} entry={e} />
          ))}
        </ol>
      )}
      <Pager pages={pages} next={list?.next} label="Pages of the audit log" />
    </>
  );
}

function Row({ entry: e }: { entry: Entry }) {
  return (
    <li class="row">
      <div class="row-head">
        <span class="audit-action">
          <strong>{e.by}</strong> {e.action}
        </span>
        {e.status >= 400 && <Status text={`refused, ${e.status}`} tone="bad" />}
      </div>
      <p class="row-facts">
        {e.session_id ? <a href={addressOf("sessions", e.session_id)}>{e.session_id}</a> : <span>{e.object_id}</span>}
        {e.fields && <span>{e.fields.join(", ")}</span>}
        <span>as {e.role}</span>
        <Ago at={e.at} />
      </p>
    </li>
  );
}
