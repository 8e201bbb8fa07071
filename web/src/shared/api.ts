// The gateway's REST API. Errors are application/problem+json (RFC 9457).

/** What is wrong with one field, or with one line of a file. */
export interface ProblemField {
  location: string;
  message: string;
}

/** What the gateway answered instead of doing what was asked. Status 0: it did not answer. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail = "",
    readonly fields: readonly ProblemField[] = [],
  ) {
    super(detail || title);
  }

  /** Whether asking again is of no use: it is the request that is wrong, not the moment. */
  get final(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 429;
  }
}

/** Answers later than this count as none. The gateway waits for the upstream when it creates a session. */
const timeoutMs = 30_000;

export interface Call {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  path: string;
  key: string;
  /** Sent as JSON, but for a form. */
  body?: unknown;
  headers?: Record<string, string>;
  /** The request may outlive the page. */
  keepalive?: boolean;
  /** Ends the request. */
  signal?: AbortSignal;
  /** However long the answer takes, it is waited for. */
  patient?: boolean;
}

/** Rejects with an ApiProblem. */
export async function call<T>(request: Call): Promise<T> {
  const response = await ask(request);
  if (response.status === 204) return undefined as T;
  try {
    return await response.json();
  } catch {
    throw new ApiProblem(0, "no answer"); // half of one is none
  }
}

/** The answer with its body unread. Rejects with an ApiProblem. */
export async function ask({ method, path, key, body, headers, keepalive, signal, patient }: Call): Promise<Response> {
  const ends = [signal, patient ? undefined : AbortSignal.timeout(timeoutMs)].filter((end) => end !== undefined);
  const json = body !== undefined && !(body instanceof FormData);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { Authorization: `Bearer ${key}`, ...(json && { "Content-Type": "application/json" }), ...headers },
      ...(body !== undefined && { body: json ? JSON.stringify(body) : (body as FormData) }),
      ...(keepalive && { keepalive: true }),
      signal: AbortSignal.any(ends),
    });
  } catch {
    throw new ApiProblem(0, "no answer");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => undefined);
  throw new ApiProblem(response.status, problem?.title ?? response.statusText, problem?.detail, problem?.errors);
}
