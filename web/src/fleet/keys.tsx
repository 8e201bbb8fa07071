import { useSignal } from "@preact/signals";
import type { KeyListOutputBody, KeyView } from "../schema";
import { ApiProblem } from "../shared/api";
import { identity } from "../shared/key";
import { Ago, Confirm, Status, Title } from "../shared/parts";
import { count, duration, plural, type Word } from "../shared/words";
import { type Store, usePolled } from "./store";
import { sayCost } from "./words";

/** Who may call the gateway, and what each key used today. */
export function Keys({ store }: { store: Store }) {
  const { answer, again } = usePolled<KeyListOutputBody>(store, "The keys could not be read", () => "/keys");
  const keys = answer.value?.keys;
  return (
    <>
      <Title>API keys</Title>
      <p class="help summary">{keys ? plural(keys.length, "key") : "Reading…"}</p>
      <ol class="rows" data-testid="keys">
        {keys?.map((k) => (
          <Row key={k.id} store={store} of={k} again={again} />
        ))}
      </ol>
    </>
  );
}

const words: Record<KeyView["status"], Word> = {
  active: { text: "Active", tone: "good" },
  expired: { text: "Expired", tone: "quiet" },
  shadowed: { text: "Shadowed by a key of the environment", tone: "bad" },
};

function Row({ store, of: k, again }: { store: Store; of: KeyView; again(): void }) {
  const going = useSignal(false);
  const revoke = async () => {
    going.value = true;
    await store.attempt(`The key ${k.name} could not be revoked`, async () => {
      await store.send("DELETE", `/keys/${encodeURIComponent(k.id)}`).catch(unlessGone);
      store.said.value = `The key ${k.name} is revoked`;
    });
    again();
    going.value = false;
  };
  const own = identity.value?.name === k.name;
  return (
    <li class="row" data-id={k.name}>
      <div class="row-head">
        <strong>{k.name}</strong>
        <Status {...words[k.status]} />
      </div>
      <p class="row-facts">
        <span>{k.role}</span>
        <span>{sayLimits(k)}</span>
        <span>{k.expires_at ? `${k.status === "expired" ? "expired" : "expires"} ${new Date(k.expires_at).toLocaleString("en-GB")}` : "never expires"}</span>
        {k.created_by && <span>made by {k.created_by}</span>}
        {k.created_at && <Ago at={k.created_at} />}
      </p>
      {k.today && (
        <p class="row-facts" data-testid="today">
          <span>Today: {plural(k.today.sessions, "session")}</span>
          <span>{plural(k.today.tokens, "token")}</span>
          <span>{duration(k.today.seconds)}</span>
          <span>{sayCost(k.today.cost_usd)}</span>
          {k.today.unpriced_sessions > 0 && <span>{count(k.today.unpriced_sessions)} of unknown cost</span>}
        </p>
      )}
      <div class="row-actions">
        {k.source === "environment" ? (
          <span class="help small">From SWITCHBOARD_API_KEYS or --api-keys-file of the nodes, and removed there</span>
        ) : going.value ? (
          <span class="help small">Revoking…</span>
        ) : (
          <Confirm
            name="Revoke"
            question={own ? "This tab uses it. Revoke it nevertheless?" : `Revoke ${k.name}? Its clients are closed; its sessions continue.`}
            action={revoke}
          />
        )}
      </div>
    </li>
  );
}

/** Another operator may have been first. */
function unlessGone(problem: unknown): void {
  if (!(problem instanceof ApiProblem && problem.status === 404)) throw problem;
}

function sayLimits({ limits: { sessions, tokens, seconds } }: KeyView): string {
  const parts = [sessions && `${plural(sessions, "session")} at once`, tokens && `${plural(tokens, "token")} a day`, seconds && `${plural(seconds, "second")} a day`].filter(
    Boolean,
  );
  return parts.length ? parts.join(", ") : "the gateway's limits";
}
