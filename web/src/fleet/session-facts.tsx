import { Copy } from "../shared/copy";
import { Fact } from "../shared/fact";
import { Ago } from "../shared/parts";
import { count, duration } from "../shared/words";
import { LabelList } from "./sessions";
import type { Session } from "./types";
import { nodeName, sayCost } from "./words";

export function Facts({ session: s }: { session: Session }) {
  const labelled = Object.keys(s.labels ?? {}).length > 0;
  return (
    <dl class="facts-grid">
      <Fact name="Opened">
        <Ago at={s.created_at} /> by {s.key}
      </Fact>
      {s.ended_at && <Fact name="Lasted">{duration((Date.parse(s.ended_at) - Date.parse(s.created_at)) / 1000)}</Fact>}
      {s.node && <Fact name="Node">{nodeName(s.node)}</Fact>}
      {labelled && (
        <Fact name="Labels">
          <span class="label-list">
            <LabelList labels={s.labels} />
          </span>
        </Fact>
      )}
      {s.model && <Fact name="Model">{s.model}</Fact>}
      {s.trace_id && (
        <Fact name="Trace">
          <code class="id">{s.trace_id}</code> <Copy text={s.trace_id} what="the trace's ID" />
        </Fact>
      )}
      {s.session?.audio?.output?.voice && <Fact name="Voice">{s.session.audio.output.voice}</Fact>}
      <Fact name="Tokens">
        {count(s.usage.input_tokens)} in, {count(s.usage.output_tokens)} out
      </Fact>
      <Fact name="Cost">{sayCost(s.cost_usd)}</Fact>
      <Fact name="Answers">{count(s.usage.responses)}</Fact>
      {s.errors > 0 && <Fact name="Errors">{count(s.errors)}</Fact>}
    </dl>
  );
}
