import { useSignal } from "@preact/signals";
import { type Entry, heardText } from "../realtime/conversation";
import { Copy } from "../shared/copy";
import { apiKey } from "../shared/key";
import { speakers } from "../shared/line";
import { conversationText } from "../shared/save-conversation";
import { saveFile } from "../shared/save-file";
import { readItems } from "../shared/sessions";
import type { Call } from "./call";

/** Copies the transcript, or saves it as a file: the page's, or the gateway's where the page has dropped the oldest lines. */
export function KeepTranscript({ call }: { call: Call }) {
  const said = useSignal("");
  const { conversation } = call.talk;
  if (conversation.entries.value.length === 0) return null;
  const text = async () => {
    if (conversation.dropped.peek() === 0) return conversation.current.map(entryText).join("\n\n");
    return conversationText(await readItems(apiKey.peek(), call.sessionId.peek()), speakers.user);
  };
  const save = async () => {
    said.value = await text().then(
      (all) => saveFile(`${call.sessionId.peek()}.txt`, all) ?? "",
      (problem) => ` It could not be read: ${problem instanceof Error ? problem.message : problem}`,
    );
  };
  return (
    <>
      <Copy text={text} what="the transcript" />{" "}
      <button class="link small" type="button" onClick={save}>
        Save<span class="visually-hidden"> the transcript</span>
      </button>
      <span class="bad" role="status">
        {said}
      </span>
    </>
  );
}

/** What was said, as far as it was heard. */
export function entryText(entry: Entry): string {
  const speaker = speakers[entry.role];
  if (entry.call) return `${speaker}: ${entry.call.name} ${entry.call.arguments}${entry.call.output === undefined ? "" : `\nResult: ${entry.call.output}`}`;
  const { heard, rest } = heardText(entry);
  if (entry.state !== "cut") return `${speaker}: ${heard + rest || "[no words]"}`;
  const when = entry.cutMs === undefined ? "" : ` at ${(entry.cutMs / 1000).toFixed(1)} s`;
  return `${speaker}: ${heard} [interrupted${when}]`;
}
