import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "../shared/api";
import { apiKey } from "../shared/key";

/** A model in use that OpenAI is going to shut down, as /readyz tells. */
interface ModelShutdown {
  model: string;
  shutdown_date: string;
  days: number;
}

/** Models are looked up once a day; a node that has just started may not know yet. */
const askEveryMs = 20_000;

/** Says which models in use are going to be shut down. Nothing is said when that cannot be read. */
export function Shutdowns() {
  const models = useSignal<ModelShutdown[]>([]);
  useEffect(() => {
    const ended = new AbortController();
    const look = async () => {
      const health = await call<{ models?: ModelShutdown[] }>({ method: "GET", path: "/readyz", key: apiKey.value, signal: ended.signal }).catch(() => undefined);
      if (health && !ended.signal.aborted) models.value = health.models ?? [];
    };
    void look();
    const timer = setInterval(look, askEveryMs);
    return () => {
      ended.abort();
      clearInterval(timer);
    };
  }, [models]);
  if (!models.value.length) return null;
  return (
    <section class="notice" aria-label="Models that end" data-testid="shutdowns">
      <p>
        {models.value.map((m) => (
          <span key={m.model}>
            OpenAI {m.days < 0 ? "has shut down" : "shuts down"} <strong>{m.model}</strong> on <time dateTime={m.shutdown_date}>{sayDay(m.shutdown_date)}</time>.{" "}
          </span>
        ))}
        Move to another model before: then no session with it can begin.
      </p>
    </section>
  );
}

function sayDay(day: string): string {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
}
