import type { Entry } from "../realtime/conversation";
import { Copy } from "./copy";
import { FunctionIcon } from "./icons";

/** A function call of the model's, and what came of it; both unfold into JSON that can be read and copied. */
export function FunctionCall({ call }: { call: NonNullable<Entry["call"]> }) {
  return (
    <div class="call">
      <FunctionIcon />
      <code class="call-name">{call.name}</code>
      <Unfolding name="Arguments" text={call.arguments} />
      {call.output === undefined ? <span class="call-result">waiting for the result</span> : <Unfolding name="Result" text={call.output} />}
    </div>
  );
}

/** One line of it, and all of it. */
function Unfolding({ name, text }: { name: string; text: string }) {
  if (text === "") return <span class="call-result">{name === "Arguments" ? "…" : "an empty result"}</span>;
  const whole = pretty(text);
  return (
    <details class="call-fold" data-testid={`call-${name.toLowerCase()}`}>
      <summary>
        <span class="call-part">{name}</span> <code class="call-text">{text.slice(0, 200)}</code>
      </summary>
      <div class="call-whole">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <pre tabIndex={0}>{whole}</pre>
        <Copy text={whole} what={name.toLowerCase()} />
      </div>
    </details>
  );
}

/** JSON with a line for each member; any other text as it is. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
