// Functions that the model may call, and whose results the user made up: the page answers them as an application would.

import { type ClientEvent, newId, type ServerEvent } from "../realtime/events";
import type { MockedTool } from "./settings";

interface ToolsOptions {
  tools(): readonly MockedTool[];
  /** Keeps the result until the upstream has it. */
  post(event: Extract<ClientEvent, { type: "conversation.item.create" }>): void;
  askForAnswer(): void;
}

export class Tools {
  /** Calls that were answered, by the page or by somebody else. */
  private readonly answered = new Set<string>();
  /** A result was given, and no response began since. */
  private owed = false;

  constructor(private readonly options: ToolsOptions) {}

  apply(event: ServerEvent): void {
    switch (event.type) {
      case "conversation.item.added":
      case "conversation.item.created":
      case "conversation.item.done":
        if (event.item.type === "function_call_output" && event.item.call_id) this.answered.add(event.item.call_id);
        break;
      case "response.output_item.done":
        if (event.item.type === "function_call") this.answer(event.item.name ?? "", event.item.call_id ?? "");
        break;
      case "response.created":
        this.owed = false;
        break;
    }
  }

  /** There is a connection again: an answer that could not be asked for is asked for now. */
  catchUp(): void {
    if (this.owed) this.options.askForAnswer();
  }

  clear(): void {
    this.answered.clear();
    this.owed = false;
  }

  private answer(name: string, callId: string): void {
    const tool = this.options.tools().find((t) => t.name === name);
    if (!tool || this.answered.has(callId)) return;
    this.answered.add(callId);
    this.owed = true;
    this.options.post({
      type: "conversation.item.create",
      event_id: newId("result"),
      item: { id: newId("item"), type: "function_call_output", call_id: callId, output: tool.result },
    });
    this.options.askForAnswer();
  }
}
