// What lets the page attach to its session, each time that it connects.

import { RelayOver, type Ticket } from "../realtime/relay";
import { ApiProblem } from "../shared/api";
import { newClientToken } from "../shared/sessions";

interface TicketSource {
  key: string;
  id: string;
  relayUrl: string;
  /** The token that came with the session; others are asked for. */
  token?: string;
  /** What other tokens are to allow. */
  policy: unknown;
}

/** Asking for another token also tells whether the session still exists. */
export function tickets({ key, id, relayUrl, token, policy }: TicketSource): () => Promise<Ticket> {
  let first = token;
  return async () => {
    const given = first;
    first = undefined;
    if (given) return { url: relayUrl, token: given };
    try {
      return { url: relayUrl, token: await newClientToken(key, id, policy) };
    } catch (problem) {
      if (problem instanceof ApiProblem && [401, 403, 404, 409, 410].includes(problem.status)) {
        throw new RelayOver({ code: 4000 + problem.status, reason: problem.message });
      }
      throw problem;
    }
  };
}
