import type { AuditList } from "../schema";
import { Title } from "../shared/parts";
import { addressOf, queryOf } from "./route";
import { type Store, usePolled } from "./store";

/** Who changed what. */
export function Audit({ store }: { store: Store }) {
  const { answer } = usePolled<AuditList>(store, "The audit log could not be read", () => {
    const query = new URLSearchParams({ limit: "100" });
    for (const name of ["by", "action", "session_id", "before", "class"]) {
      const value = queryOf("audit").get(name);
      if (value) query.set(name, value);
    }
    return `/audit?${query}`;
  });
  const page = answer.value;
  return (
    <>
      <Title>Audit log</Title>
      {page && !page.entries.length && <p class="help">Nobody has changed anything yet.</p>}
      {page && page.entries.length > 0 && (
        <div class="scroll">
          <table data-testid="audit">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">What</th>
                <th scope="col">Of</th>
                <th scope="col">Answer</th>
              </tr>
            </thead>
            <tbody>
              {page.entries.map((e) => (
                <tr key={e.id}>
                  <td>
                    <time dateTime={e.at}>{new Date(e.at).toLocaleString("en-GB")}</time>
                  </td>
                  <td>{e.by}</td>
                  <td>{[e.action, ...(e.fields ?? [])].join(" ")}</td>
                  <td>{e.session_id ? <a href={addressOf("sessions", e.session_id)}>{e.session_id}</a> : e.object_id}</td>
                  <td>{e.status}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
