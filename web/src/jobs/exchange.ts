// What was asked and what was answered, as text, whatever the endpoint.

type Json = Record<string, unknown> | undefined;

/** The last thing a request says. */
export function asked(request: unknown): string {
  const body = request as Json;
  const messages = body?.messages ?? body?.input;
  if (Array.isArray(messages)) {
    const last = messages.at(-1);
    return typeof last === "string" ? last : (textOf(last?.content) ?? compact(last));
  }
  return textOf(body?.input) ?? textOf(body?.prompt) ?? compact(request);
}

/** What a response says. */
export function answered(response: unknown): string {
  const body = response as Json;
  const choices = body?.choices as { message?: { content?: unknown; refusal?: unknown }; text?: unknown }[] | undefined;
  const choice = choices?.[0];
  if (choice) return textOf(choice.message?.content) ?? textOf(choice.message?.refusal) ?? textOf(choice.text) ?? compact(choice);
  const output = body?.output as { content?: unknown }[] | undefined;
  if (Array.isArray(output)) {
    const texts = output.map((item) => textOf(item.content)).filter((text) => text !== undefined);
    if (texts.length) return texts.join("\n");
  }
  const data = body?.data as { embedding?: unknown[] }[] | undefined;
  if (data?.[0]?.embedding) return `an embedding of ${data[0].embedding.length} numbers`;
  return compact(response);
}

/** Why a request was not answered. */
export function failure(line: { error: unknown; response: unknown; status_code: number | null }): string {
  const error = (line.error ?? (line.response as Json)?.error) as { message?: string; code?: string } | undefined;
  return error?.message ?? error?.code ?? (line.status_code ? `status ${line.status_code}` : compact(line.response));
}

function textOf(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  const texts = content.map((part) => (typeof part === "string" ? part : part?.text)).filter((text) => typeof text === "string");
  return texts.length ? texts.join("\n") : undefined;
}

function compact(value: unknown): string {
  return value === undefined || value === null ? "" : JSON.stringify(value);
}
