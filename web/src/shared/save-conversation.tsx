import { useSignal } from "@preact/signals";
import type { StoredItem } from "../realtime/events";
import { speakers } from "./line";
import { saveFile } from "./save-file";

/** Saves all of a conversation as a text file, as far as the gateway keeps it. */
export function SaveConversation({ name, read, user }: { name: string; read(): Promise<readonly StoredItem[]>; user: string }) {
  const state = useSignal("");
  const save = async () => {
    state.value = "Reading…";
    try {
      saveFile(`${name}.txt`, conversationText(await read(), user));
      state.value = "";
    } catch (problem) {
      state.value = `It could not be read: ${problem instanceof Error ? problem.message : problem}`;
    }
  };
  return (
    <>
      <button class="button small" type="button" aria-disabled={state.value === "Reading…"} onClick={save}>
        Save the whole conversation
      </button>
      <span class="help small" role="status">
        {state}
      </span>
    </>
  );
}

export function conversationText(items: readonly StoredItem[], user: string): string {
  return items.map((item) => line(item, user)).join("\n\n");
}

function line(item: StoredItem, user: string): string {
  switch (item.type) {
    case "function_call":
      return `${speakers.call}: ${item.name} ${item.arguments ?? ""}`;
    case "function_call_output":
      return `Result: ${item.output ?? ""}`;
    default: {
      const speaker = !item.role || item.role === "user" ? user : speakers[item.role];
      const cut = item.heard_ms === undefined ? "" : ` [interrupted at ${(item.heard_ms / 1000).toFixed(1)} s]`;
      return `${speaker}: ${item.text || "[no words]"}${cut}`;
    }
  }
}
